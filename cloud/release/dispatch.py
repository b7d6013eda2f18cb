"""What follows from people's acts: custody hands it over here, and it becomes rows and durable jobs (custody.Dispatch).

A row and its job are not one commit; recover() finds at each start what a kill left between the two.
"""

from datetime import timedelta
from typing import Final, Protocol

import structlog

from cloud.clock import Clock
from cloud.notices.desk import KIND as NOTICE
from cloud.notices.desk import Acts, NoticeDesk
from cloud.release.progress import Release
from cloud.storage.notices import NoticeStore
from cloud.storage.releases import ReleaseStore

RELEASE: Final = "release"
"""The kind of the jobs that release messages."""

_log = structlog.get_logger()


class Jobs(Protocol):
    """Whoever does durable work."""

    async def enqueue(self, kind: str, thing: str, delay: timedelta = timedelta(0)) -> None:
        """Asking again for the same thing changes nothing."""

    async def ensure(self, kind: str, thing: str) -> None:
        """Unless an attempt at it is under way or waiting."""


class Dispatcher:
    """Hands over releases and notices durably."""

    def __init__(
        self, acts: Acts, releases: ReleaseStore, notices: NoticeStore, desk: NoticeDesk, jobs: Jobs, clock: Clock
    ) -> None:
        self._acts = acts
        self._releases = releases
        self._notices = notices
        self._desk = desk
        self._jobs = jobs
        self._clock = clock

    async def release(self, message_id: str, act_id: str) -> None:
        """Send the message; custody waits for finish_sending(). Raises NotFound for an act that there is not."""
        act = await self._acts.get(act_id)
        await self._releases.begin(Release(act_id, act.realm_id, message_id, self._clock()))
        await self._jobs.enqueue(RELEASE, act_id)

    async def notice(self, act_id: str) -> None:
        """Tell whoever is to be told about the act."""
        await self._desk.about_act(act_id)

    async def quarantined(self, message_id: str) -> None:
        """A message is held, and a server took its replacement."""
        await self._desk.about_quarantine(message_id)

    async def recover(self) -> None:
        """After the jobs started: everything that is unfinished has its job."""
        releases = await self._releases.unfinished()
        notices = await self._notices.pending()
        for release_id in releases:
            await self._jobs.ensure(RELEASE, release_id)
        for notice_id in notices:
            await self._jobs.ensure(NOTICE, notice_id)
        _log.info("release.recovered", releases=len(releases), notices=len(notices))
