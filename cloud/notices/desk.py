"""The desk: who is to be told of what happened becomes rows and jobs, once, however often it is asked.

Quarantine notices are digests: what is held within a few minutes is told in one mail, so that a flood of malicious mail does
not become a flood of notices. A message to administrators alone, from the null path, may be a notice of ours: nobody is told
of it, so no notice breeds another.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, Protocol

import structlog

from atp.identity import RealmId
from cloud.clock import Clock
from cloud.notices.topics import Notice, Topic, topic_of
from cloud.policy.realm import Realm
from cloud.quarantine.held import HeldMessage, RecordedAct
from cloud.storage.notices import NoticeStore

KIND: Final = "notice"
"""Of the jobs that send notices."""

DIGEST_PERIOD: Final = timedelta(minutes=5)

_log = structlog.get_logger()


class Acts(Protocol):
    """Whoever has the record of acts."""

    async def get(self, act_id: str) -> RecordedAct:
        """Raises NotFound."""


class HeldMessages(Protocol):
    """Whoever knows held messages."""

    async def get(self, realm_id: str, message_id: str) -> HeldMessage:
        """Raises NotFound."""


class Realms(Protocol):
    """Whoever knows realms and their settings."""

    async def by_id(self, realm_id: RealmId) -> Realm:
        """Raises NotFound."""


class Jobs(Protocol):
    """Whoever does durable work."""

    async def enqueue(self, kind: str, thing: str, delay: timedelta = timedelta(0)) -> None:
        """Asking again for the same thing changes nothing."""


class NoticeDesk:
    """Takes in what people are to be told of."""

    def __init__(
        self,
        store: NoticeStore,
        acts: Acts,
        messages: HeldMessages,
        realms: Realms,
        jobs: Jobs,
        clock: Clock,
        *,
        digest_period: timedelta = DIGEST_PERIOD,
    ) -> None:
        self._store = store
        self._acts = acts
        self._messages = messages
        self._realms = realms
        self._jobs = jobs
        self._clock = clock
        self._digest_period = digest_period

    async def about_act(self, act_id: str) -> None:
        """Somebody acted. Raises NotFound for an act that there is not."""
        act = await self._acts.get(act_id)
        realm = await self._realms.by_id(RealmId(act.realm_id))
        topic = topic_of(act.act, act.actor, realm.settings)
        if topic is None:
            return
        held = await self._messages.get(act.realm_id, act.message_id)
        people = held.recipients if topic.for_recipients else self._administrators(realm)
        for person in _each_once(people):
            await self._tell(realm, topic, person, act_id, act.message_id)

    async def about_refusals(self, realm_id: str, message_id: str, release_id: str) -> None:
        """Some recipients' servers did not take a released message; the release has its act's id."""
        realm = await self._realms.by_id(RealmId(realm_id))
        for person in _each_once(self._administrators(realm)):
            await self._tell(realm, Topic.NOT_DELIVERED, person, release_id, message_id)

    async def about_quarantine(self, message_id: str) -> None:
        """A message is held and its recipients have their replacement."""
        realm_id = await self._store.realm_of(message_id)
        realm = await self._realms.by_id(RealmId(realm_id))
        if not realm.settings.notify_quarantine:
            return
        held = await self._messages.get(realm_id, message_id)
        administrators = self._administrators(realm)
        if not held.mail_from and set(held.recipients) <= set(administrators):
            return
        for person in _each_once(administrators):
            await self._join_digest(realm, person, message_id)

    async def _tell(self, realm: Realm, topic: Topic, person: str, act_id: str, message_id: str) -> None:
        notice_id = _id_of(topic, act_id, person)
        notice = Notice(notice_id, realm.id, topic, person, act_id, (message_id,), self._clock())
        if await self._store.add(notice):
            await self._jobs.enqueue(KIND, notice_id)

    async def _join_digest(self, realm: Realm, person: str, message_id: str) -> None:
        """Into the digest of this period; one that was sent early makes room for the next."""
        now = self._clock()
        period = self._digest_period
        number = int(now.timestamp() // period.total_seconds())
        while True:
            notice_id = _id_of(Topic.QUARANTINED, f"{realm.id} {number}", person)
            notice = Notice(notice_id, realm.id, Topic.QUARANTINED, person, "", (message_id,), now)
            if await self._store.add(notice):
                end = datetime.fromtimestamp((number + 1) * period.total_seconds(), UTC)
                await self._jobs.enqueue(KIND, notice_id, max(end - now, timedelta(0)))
                return
            number += 1

    def _administrators(self, realm: Realm) -> tuple[str, ...]:
        if not realm.settings.administrators:
            _log.info("notice.nobody", realm=realm.id, next_step="srx-cloud settings set administrators=ADDRESS")
        return realm.settings.administrators


def _each_once(people: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(people))


def _id_of(topic: Topic, cause: str, person: str) -> str:
    """The same thing told to the same person is the same notice."""
    return f"notice_{sha256(f'{topic} {cause} {person}'.encode()).hexdigest()[:32]}"
