"""Custody: what everyone else may ask about held messages, and the one door through which people act on them.

How an act goes:

1. The life of a message (lifecycle.py) says whether this role may do this now, and what follows.
2. State, record and, for a deletion, the destroyed key are one commit; of two who act at once, one looks again.
3. A deleted message's blob is removed and the journal emptied.
4. What follows (sending, telling) is handed to the Dispatch, and the record says so. What a failure or a kill left undone is
   handed over again, at start and every so often, so a Dispatch sees an id at least once.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from atp.identity import RealmId
from atp.v1.quarantine_pb2 import MessageManifest
from cloud.clock import Clock, NewId
from cloud.errors import Conflict
from cloud.jobs.boundary import Failure, guarded
from cloud.policy.realm import Realm
from cloud.quarantine.held import HeldMessage, RecordedAct
from cloud.quarantine.lifecycle import NEXT, Act, Actor, State, Turn, decide
from cloud.quarantine.retention import Retention, Swept
from cloud.quarantine.vault import Place, Vault
from cloud.storage.acts import ActStore
from cloud.storage.quarantine import HeldMessageStore

__all__ = ["Custody", "Dispatch", "HeldMessage", "Links", "OpenedMessage", "Realms"]

_log = structlog.get_logger()

HeldMessages = list[HeldMessage]
RecordedActs = list[RecordedAct]


@dataclass(frozen=True, slots=True)
class OpenedMessage:
    """A message with everything that was sealed: the device's manifest, and the message's bytes."""

    held: HeldMessage
    manifest: MessageManifest
    content: bytes


class Dispatch(Protocol):
    """Whoever does what follows. Each call hands over durably, and does no harm when it is repeated with the same id."""

    async def release(self, message_id: str, act_id: str) -> None:
        """Send the message; custody waits for finish_sending()."""

    async def notice(self, act_id: str) -> None:
        """Tell whoever is to be told about the act."""

    async def quarantined(self, message_id: str) -> None:
        """A message is held, and a server took its replacement."""


class Links(Protocol):
    """Whoever makes links to the portal."""

    async def issue(self, realm_id: str, message_id: str, expires_at: datetime) -> str:
        """A new link to that message's page, as a full URL."""


class Realms(Protocol):
    """Whoever knows realms and their settings."""

    async def by_id(self, realm_id: RealmId) -> Realm:
        """Raises NotFound."""


class Custody:
    """Held messages of all realms; every call names the realm that asks, and sees no other's."""

    def __init__(
        self,
        store: HeldMessageStore,
        acts: ActStore,
        vault: Vault,
        realms: Realms,
        dispatch: Dispatch,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._store = store
        self._acts = acts
        self._vault = vault
        self._realms = realms
        self._dispatch = dispatch
        self._clock = clock
        self._new_id = new_id
        self._retention = Retention(store, vault)

    async def get(self, realm_id: str, message_id: str) -> HeldMessage:
        """Raises NotFound."""
        return await self._store.get(realm_id, message_id)

    async def open(self, realm_id: str, message_id: str) -> OpenedMessage:
        """The message with its content. Raises NotFound, also once its key is destroyed; Damaged."""
        held, sealed = await self._store.sealed(realm_id, message_id)
        manifest, content = await self._vault.open(Place(realm_id, message_id), sealed)
        return OpenedMessage(held, MessageManifest.FromString(manifest), content)

    async def manifest(self, realm_id: str, message_id: str) -> MessageManifest:
        """The device's reading alone, without the message's bytes: for lists that show subjects. Errors as open()."""
        _, sealed = await self._store.sealed(realm_id, message_id)
        return MessageManifest.FromString(await self._vault.manifest(Place(realm_id, message_id), sealed))

    async def act(self, realm_id: str, message_id: str, act: Act, actor: Actor) -> HeldMessage:
        """Release, delete or ask for release. The same act again changes nothing and returns what is.

        Raises NotFound, Refused where this role may not, Conflict where another act won.
        """
        option = (await self._realms.by_id(RealmId(realm_id))).settings.release_option
        while True:
            seen = await self._store.get(realm_id, message_id)
            following = decide(seen.state, act, actor.kind, option)
            if following is None:
                return seen
            record = RecordedAct(self._new_id("act"), realm_id, message_id, act, actor, self._clock())
            if await self._store.record_act(seen, following, record):
                break
        _log.info("quarantine.act", realm=realm_id, message=message_id, act=str(act), role=str(actor.kind))
        if following.destroys_content:
            await self.bury(Place(realm_id, message_id).blob)
        await self._hand_over(record)
        return await self._store.get(realm_id, message_id)

    async def finish_sending(self, message_id: str, taken: bool, *, act_id: str | None = None) -> None:
        """A release is over: some server took the message, or none did and it is held again. Repeating it is no error.

        `act_id` names the release that is over, so that a late repetition does not end a newer one. Raises NotFound,
        Conflict where the message is in a state that no sending leads to.
        """
        following = NEXT[State.SENDING, Turn.TAKEN if taken else Turn.NOT_TAKEN]
        if await self._store.finish_sending(message_id, following, act_id):
            _log.info("quarantine.sent", message=message_id, state=str(following))
            return
        state = await self._store.state_of(message_id)
        if act_id is None and state is not following:
            raise Conflict(f"the message is not being sent: it is {state}")

    async def announce(self, message_id: str) -> None:
        """A server took the first replacement of this message: whoever wants to know is told, once or more."""
        _note(await guarded(self._announce(message_id)), message=message_id)

    async def bury(self, blob: str) -> None:
        """A message's key was destroyed just now: remove its blob, and empty the journal of the key."""
        await self._retention.bury(blob)

    async def unsent_acts(self) -> RecordedActs:
        """Acts whose work was not handed over yet, oldest first."""
        return await self._acts.unsent()

    async def recover(self) -> None:
        """After a start: remove what a kill left half done, and hand over what it left undone. Before any call is served."""
        staging = await self._vault.sweep_staging()
        _log.info("quarantine.recovered", staging=staging)
        await self.hand_over_unsent()

    async def hand_over_unsent(self) -> None:
        """Hand over what could not be handed over yet; to be called every so often."""
        unsent = await self.unsent_acts()
        unannounced = await self._store.unannounced()
        for act in unsent:
            await self._hand_over(act)
        for message_id in unannounced:
            await self.announce(message_id)
        if unsent or unannounced:
            _log.info("quarantine.handed_over_again", acts=len(unsent), announcements=len(unannounced))

    async def expire(self, now: datetime) -> Swept:
        """End what has been kept for its time; to be called every so often, by one caller at a time."""
        return await self._retention.sweep(now)

    async def list(self, realm_id: str, *, state: State | None = None, limit: int = 200) -> HeldMessages:
        """The realm's messages, newest first."""
        return await self._store.of_realm(realm_id, state, limit)

    async def _hand_over(self, act: RecordedAct) -> None:
        """The act stands, whatever becomes of this: what fails now is handed over a little later."""
        _note(await guarded(self._follow(act)), act=act.id)

    async def _follow(self, act: RecordedAct) -> None:
        if act.act is Act.RELEASE:
            await self._dispatch.release(act.message_id, act.id)
        await self._dispatch.notice(act.id)
        await self._acts.dispatched(act.id, self._clock())

    async def _announce(self, message_id: str) -> None:
        await self._dispatch.quarantined(message_id)
        await self._store.announced(message_id, self._clock())


def _note(failure: Failure | None, **what: str) -> None:
    """To the log, where the Dispatch did not take what was handed over."""
    if failure is not None:
        _log.warning("quarantine.dispatch_failed", error=failure.error, at=failure.place, **what)
