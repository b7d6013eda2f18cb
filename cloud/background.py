"""What the service does by itself: durable jobs (releases, notices), and duties that come round (retention, clean-up)."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cloud.jobs.engine import Jobs, Work
from cloud.jobs.schedule import Duty, Schedule
from cloud.notices import work as notice_work
from cloud.notices.desk import KIND as NOTICE
from cloud.notices.letter import NoticeWriter
from cloud.release import workflow
from cloud.release.courier import Courier
from cloud.release.dispatch import RELEASE
from cloud.release.passwords import Passwords
from cloud.rooms import Rooms
from cloud.storage.passes import PassStore
from cloud.storage.sessions import SessionStore
from cloud.storage.tokens import TokenStore

_JOBS_KEPT: Final = timedelta(days=7)
_PASSES_KEPT: Final = timedelta(days=30)
_TOKENS_KEPT: Final = timedelta(days=30)
_VERDICTS_KEPT: Final = timedelta(days=90)


class Background:
    """Jobs and schedule of one service. `mail_host` is this cloud's name in mail."""

    def __init__(self, rooms: Rooms, jobs: Jobs, *, mail_host: str) -> None:
        self._rooms = rooms
        self._jobs = jobs
        self._mail_host = mail_host
        self._passes = PassStore(rooms.database)
        self._sessions = SessionStore(rooms.database)
        self._tokens = TokenStore(rooms.database)

    @asynccontextmanager
    async def running(self, jobs_database: Path) -> AsyncIterator[None]:
        """Work for the length of the block. What a kill left undone is handed over before the block begins."""
        try:
            await self._jobs.start(jobs_database, {RELEASE: self._releases(), NOTICE: self._notices()})
            await self._rooms.custody.recover()
            await self._rooms.dispatcher.recover()
            schedule = Schedule(self.duties())
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(schedule.run(), name="schedule")
                try:
                    yield
                finally:
                    schedule.stop()
        finally:
            await self._jobs.stop()

    def duties(self) -> tuple[Duty, ...]:
        """What comes round. Each finds its work by looking, so a missed turn is made good by the next."""
        return (
            Duty("unsent acts", timedelta(minutes=1), self._rooms.custody.hand_over_unsent),
            Duty("retention", timedelta(minutes=10), self._now(self._rooms.custody.expire)),
            Duty("release keys", timedelta(hours=1), self._retire_release_keys),
            Duty("portal links", timedelta(hours=1), self._now(self._rooms.links.forget_expired)),
            Duty("portal sessions", timedelta(hours=1), self._now(self._sessions.forget_expired)),
            Duty("passes", timedelta(hours=6), self._now(self._passes.remove_expired, _PASSES_KEPT)),
            Duty("tokens", timedelta(hours=6), self._now(self._tokens.drop_expired, _TOKENS_KEPT)),
            Duty("verdicts", timedelta(hours=6), self._now(self._rooms.verdicts.forget, _VERDICTS_KEPT)),
            Duty("finished jobs", timedelta(hours=6), self._now(self._jobs.remove_finished, _JOBS_KEPT)),
        )

    def _courier(self) -> Courier:
        rooms = self._rooms
        return Courier(rooms.release_keys, self._passes, rooms.clock, rooms.new_id, self._mail_host)

    def _releases(self) -> Work:
        rooms = self._rooms
        needs = workflow.Needs(
            custody=rooms.custody,
            realms=rooms.realms,
            verdicts=rooms.verdicts,
            refusals=rooms.desk,
            releases=rooms.releases,
            courier=self._courier(),
            passwords=Passwords(rooms.releases, rooms.keys, secrets.choice),
            clock=rooms.clock,
            host=self._mail_host,
        )
        return workflow.ReleaseWork(needs).attempt

    def _notices(self) -> Work:
        rooms = self._rooms
        needs = notice_work.Needs(
            store=rooms.notices,
            acts=rooms.acts,
            messages=rooms.custody,
            realms=rooms.realms,
            releases=rooms.releases,
            courier=self._courier(),
            writer=NoticeWriter(self._mail_host),
            clock=rooms.clock,
        )
        return notice_work.NoticeWork(needs).attempt

    def _now(
        self, do: Callable[[datetime], Awaitable[object]], ago: timedelta = timedelta(0)
    ) -> Callable[[], Awaitable[object]]:
        """The duty with the time that its turn has, or one that long ago."""
        return lambda: do(self._rooms.clock() - ago)

    async def _retire_release_keys(self) -> None:
        for realm in await self._rooms.realms.all():
            await self._rooms.release_keys.retire_replaced(realm.id, self._rooms.policy, self._rooms.clock())
