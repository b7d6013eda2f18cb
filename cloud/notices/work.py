"""Sending one notice, attempt by attempt: what it says is made from ids now, so no content waits anywhere.

1. Gather what it tells of: messages, the act, the release.
2. Words, then the mail.
3. Carry it along the release route, from the null path, with a pass: a list that names our address must not hold it.
4. Not taken yet: another attempt later, for five days.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

import structlog

from atp.identity import RealmId
from atp.v1 import quarantine_pb2 as wire
from cloud.clock import Clock
from cloud.errors import CloudError, NotFound
from cloud.jobs.backoff import MAIL, Backoff
from cloud.jobs.engine import Again
from cloud.notices import administrators, recipients
from cloud.notices.desk import Acts, Realms
from cloud.notices.letter import NoticeWriter
from cloud.notices.topics import Notice, NoticeState, Topic
from cloud.notices.words import Told, Words, subject_in
from cloud.policy.realm import Realm
from cloud.quarantine.held import HeldMessage
from cloud.release.courier import Courier, Errand
from cloud.release.envelope import Letter
from cloud.release.progress import Progress
from cloud.release.redelivery import Answer, Fate, RouteDown
from cloud.storage.notices import NoticeStore

GIVEN_UP_AFTER: Final = timedelta(days=5)
"""RFC 5321, section 4.5.4.1."""

_STATES: Final = {
    Fate.TAKEN: NoticeState.SENT,
    Fate.REFUSED: NoticeState.REFUSED,
    Fate.LATER: NoticeState.PENDING,
}

_log = structlog.get_logger()


class Messages(Protocol):
    """Whoever knows held messages, and what the device read in them."""

    async def get(self, realm_id: str, message_id: str) -> HeldMessage:
        """Raises NotFound."""

    async def manifest(self, realm_id: str, message_id: str) -> wire.MessageManifest:
        """Raises NotFound where the content is gone, too; Damaged."""


class Releases(Protocol):
    """Whoever knows how far a release is."""

    async def progress(self, release_id: str) -> Progress:
        """The release with its copies."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What sending a notice works with."""

    store: NoticeStore
    acts: Acts
    messages: Messages
    realms: Realms
    releases: Releases
    courier: Courier
    writer: NoticeWriter
    clock: Clock
    backoff: Backoff = MAIL


class NoticeWork:
    """Sends notices: the work behind jobs of the kind `notice`."""

    def __init__(self, needs: Needs) -> None:
        self._needs = needs

    async def attempt(self, notice_id: str, number: int) -> Again | None:
        """One attempt; the steps are above."""
        notice = await self._needs.store.get(notice_id)
        if notice is None or notice.state is not NoticeState.PENDING:
            return None
        answer = await self._send(notice)
        overdue = self._needs.clock() - notice.created_at >= GIVEN_UP_AFTER
        state = NoticeState.REFUSED if answer.fate is Fate.LATER and overdue else _STATES[answer.fate]
        problem = "" if state is NoticeState.SENT else answer.reply
        await self._needs.store.settle(notice_id, state, problem, self._needs.clock())
        _log.info("notice.attempt", realm=notice.realm_id, id=notice_id, topic=str(notice.topic), state=str(state))
        return Again(self._needs.backoff.after(number)) if state is NoticeState.PENDING else None

    async def _send(self, notice: Notice) -> Answer:
        try:
            realm = await self._needs.realms.by_id(RealmId(notice.realm_id))
            words = await self._words(notice)
        except NotFound:
            return Answer(Fate.REFUSED, "what it tells of is gone")
        content = self._needs.writer.write(notice, words, realm.settings)
        return await self._carry(realm, notice, content)

    async def _carry(self, realm: Realm, notice: Notice, content: bytes) -> Answer:
        recipient = notice.recipient.encode()
        parameters = () if recipient.isascii() else (b"SMTPUTF8",)
        try:
            async with self._needs.courier.on_route(realm) as session:
                letter = Letter(b"", recipient, content, parameters)
                return await self._needs.courier.carry(session, Errand(realm, notice.id, None), letter)
        except RouteDown as down:
            return Answer(Fate.LATER, str(down))

    async def _words(self, notice: Notice) -> Words:
        """What it says. Raises NotFound."""
        shown = notice.message_ids[: administrators.MOST_MESSAGES]
        messages = [await self._told(notice.realm_id, each) for each in shown]
        match notice.topic:
            case Topic.QUARANTINED:
                return administrators.of_quarantine(messages, len(notice.message_ids))
            case Topic.NOT_DELIVERED:
                return administrators.of_refusals(await self._needs.releases.progress(notice.act_id), messages[0])
            case Topic.APPROVED | Topic.REJECTED:
                return recipients.of_decision(notice.topic, messages[0])
            case _:
                return await self._words_of_act(notice, messages[0])

    async def _words_of_act(self, notice: Notice, told: Told) -> Words:
        return administrators.of_act(notice.topic, await self._needs.acts.get(notice.act_id), told)

    async def _told(self, realm_id: str, message_id: str) -> Told:
        """The message with its subject, as long as there is one to read. Raises NotFound for a message that there is not."""
        held = await self._needs.messages.get(realm_id, message_id)
        try:
            return Told(held, subject_in(await self._needs.messages.manifest(realm_id, message_id)))
        except CloudError:
            return Told(held)
