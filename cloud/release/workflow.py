"""The release of one message, attempt by attempt.

    1. Open the message, and note one pending copy a recipient (the first attempt alone).
    2. Repackage it; the ZIP's digest becomes a fixed verdict first, so that a replay of the ZIP without its pass is met.
    3. Hand over each pending copy, a fresh pass on each, and note at once what the server said.
    4. Copies still pending: another attempt later. Five days after the start, what is pending is refused.
    5. None pending: custody hears whether anybody took it, the administrator hears of refusals, and the release is over.

Every step may be repeated: a kill between two of them costs at most a second copy of what a server took in that moment,
under the same Message-ID. The job knows the act's id alone; content is opened, built and dropped within one attempt.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, Protocol

import structlog

from atp.identity import RealmId
from atp.v1.quarantine_pb2 import MessageEnvelope
from cloud.clock import Clock
from cloud.errors import Damaged, NotFound
from cloud.jobs.backoff import MAIL, Backoff
from cloud.jobs.engine import Again
from cloud.policy.realm import Realm
from cloud.quarantine.custody import OpenedMessage
from cloud.release import repackage
from cloud.release.archive import encrypted_zip
from cloud.release.courier import Courier, Errand
from cloud.release.envelope import Letter
from cloud.release.passwords import Passwords
from cloud.release.progress import Delivery, DeliveryState, Progress, Release
from cloud.release.redelivery import Fate, RouteDown, Session
from cloud.storage.releases import ReleaseStore

GIVEN_UP_AFTER: Final = timedelta(days=5)
"""RFC 5321, section 4.5.4.1."""

_MOST_HOPS: Final = 100
"""Received fields from which a message goes round in circles (RFC 5321, section 6.3)."""
_REPLAYED: Final = "release.zip-replayed"
_WORST: Final = 10
_STATES: Final = {
    Fate.TAKEN: DeliveryState.TAKEN,
    Fate.REFUSED: DeliveryState.REFUSED,
    Fate.LATER: DeliveryState.PENDING,
}

_log = structlog.get_logger()


class Custody(Protocol):
    """Whoever holds messages."""

    async def open(self, realm_id: str, message_id: str) -> OpenedMessage:
        """Raises NotFound once the content is gone, Damaged where it can't be opened."""

    async def finish_sending(self, message_id: str, taken: bool, *, act_id: str | None = None) -> None:
        """The release of that act is over."""


class Realms(Protocol):
    """Whoever knows realms and their settings."""

    async def by_id(self, realm_id: RealmId) -> Realm:
        """Raises NotFound."""


class Verdicts(Protocol):
    """Whoever keeps verdicts."""

    async def pin(self, realm_id: str, sha256: bytes, score: int, reason: str, at: datetime) -> None:
        """Fix the realm's verdict on that content."""


class Refusals(Protocol):
    """Whoever tells the administrator."""

    async def about_refusals(self, realm_id: str, message_id: str, release_id: str) -> None:
        """Some recipients' servers did not take the message. Repeating it is no error."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a release works with. `host` is this cloud's name in mail."""

    custody: Custody
    realms: Realms
    verdicts: Verdicts
    refusals: Refusals
    releases: ReleaseStore
    courier: Courier
    passwords: Passwords
    clock: Clock
    host: str
    backoff: Backoff = MAIL


class ReleaseWork:
    """Does releases: the work behind jobs of the kind `release`."""

    def __init__(self, needs: Needs) -> None:
        self._needs = needs

    async def attempt(self, release_id: str, number: int) -> Again | None:
        """One attempt; the steps are above."""
        release = await self._needs.releases.get(release_id)
        if release is None or release.finished_at is not None:
            return None
        await self._try_sending(release)
        progress = await self._needs.releases.progress(release_id)
        if progress.pending and self._needs.clock() - release.started_at < GIVEN_UP_AFTER:
            return Again(self._needs.backoff.after(number))
        await self._finish(release)
        return None

    async def _try_sending(self, release: Release) -> None:
        try:
            opened = await self._needs.custody.open(release.realm_id, release.message_id)
        except (NotFound, Damaged) as error:
            why = "the content is damaged" if isinstance(error, Damaged) else "the content is gone"
            await self._needs.releases.refuse_pending(release.id, why, self._needs.clock())
            return
        envelope = opened.manifest.envelope
        await self._needs.releases.address(release.id, envelope.rcpt_to, self._needs.clock())
        progress = await self._needs.releases.progress(release.id)
        if _goes_in_circles(opened):
            await self._needs.releases.refuse_pending(release.id, "mail loop", self._needs.clock())
        elif progress.pending:
            await self._send(progress, opened)

    async def _send(self, progress: Progress, opened: OpenedMessage) -> None:
        """Hand over what is pending, as long as the route carries; a route that is down is the release's problem."""
        release = progress.release
        realm = await self._needs.realms.by_id(RealmId(release.realm_id))
        problem = ""
        try:
            async with self._needs.courier.on_route(realm) as session:
                await self._hand_over(session, realm, progress, opened)
        except RouteDown as down:
            problem = str(down)
            _log.warning("release.route_down", realm=release.realm_id, id=release.id)
        await self._needs.releases.note_problem(release.id, problem)

    async def _hand_over(self, session: Session, realm: Realm, progress: Progress, opened: OpenedMessage) -> None:
        """Each pending copy, as long as the session is open; what the server said is noted before the next one goes."""
        release = progress.release
        errand = Errand(realm, release.id, release.message_id)
        content = await self._repackaged(release, realm, opened)
        for delivery in progress.pending:
            if not session.open:
                return
            letter = _letter(opened.manifest.envelope, delivery, content)
            answer = await self._needs.courier.carry(session, errand, letter)
            state, at = _STATES[answer.fate], self._needs.clock()
            await self._needs.releases.settle(release.id, delivery.position, state, answer.reply, at)

    async def _repackaged(self, release: Release, realm: Realm, opened: OpenedMessage) -> bytes:
        """The message without passes; where it has a ZIP, that has its verdict when this returns."""
        about = repackage.Release(release.id, self._needs.host, opened.held.received_at)
        draft = await asyncio.to_thread(repackage.draft, opened.manifest, opened.content, about)
        if not draft.members:
            return draft.message(b"", None)
        password = await self._needs.passwords.of(release)
        archive = await asyncio.to_thread(encrypted_zip, draft.members, password, opened.held.received_at)
        digest = sha256(archive).digest()
        await self._needs.verdicts.pin(release.realm_id, digest, _WORST, _REPLAYED, self._needs.clock())
        return draft.message(archive, None if realm.settings.password_on_portal else password)

    async def _finish(self, release: Release) -> None:
        await self._needs.releases.refuse_pending(release.id, "given up", self._needs.clock())
        progress = await self._needs.releases.progress(release.id)
        await self._needs.custody.finish_sending(release.message_id, progress.any_taken, act_id=release.id)
        if progress.refused:
            await self._needs.refusals.about_refusals(release.realm_id, release.message_id, release.id)
        await self._needs.releases.finish(release.id, self._needs.clock())
        _log.info("release.finished", realm=release.realm_id, id=release.id, refused=len(progress.refused))


def _goes_in_circles(opened: OpenedMessage) -> bool:
    names = (field.name.lower() for field in opened.manifest.reading.fields)
    return sum(name == "received" for name in names) >= _MOST_HOPS


def _letter(envelope: MessageEnvelope, delivery: Delivery, content: bytes) -> Letter:
    at = delivery.position
    parameters = envelope.rcpt_parameters[at].split() if at < len(envelope.rcpt_parameters) else []
    return Letter(envelope.mail_from, delivery.recipient, content, tuple(envelope.mail_parameters), tuple(parameters))
