"""Reception: a message comes in from a device, a receipt goes out, and later the device says what the server said.

How a message is stored:

1. What the device says about it is checked, and whether there is room.
2. The vault seals the bytes as they come; size and digest must be what was said, or nothing is kept.
3. The row and the attempt are committed. From here on the message is held, whatever happens to this call. A repeated request
   or a client's retry finds the entry that is there already, and the second copy goes.
4. A link is issued, and the replacement written around it.
5. The receipt goes out: the message is on disk, and so is its row.
"""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from atp.reasons import Reason as WireReason
from atp.v1 import quarantine_pb2 as wire
from cloud.clock import Clock, NewId
from cloud.errors import InvalidRequest
from cloud.policy.realm_settings import RealmSettings
from cloud.quarantine.custody import Custody, Links, Realms
from cloud.quarantine.held import Admission, Arrival, HeldMessage, Outcome, Sealed
from cloud.quarantine.lifecycle import State
from cloud.quarantine.manifest import REASONS, Limits, check, envelope_sha256, path_text
from cloud.quarantine.replacement import Facts, ReplacementWriter, envelope_sender, header_sender
from cloud.quarantine.vault import Place, Vault
from cloud.rpc.caller import Caller
from cloud.storage.quarantine import HeldMessageStore

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the device gets: where the message is, and what to send instead. `mail_from` is empty for the null path."""

    message_id: str
    attempt_id: str
    mail_from: str
    replacement: bytes


class Reception:
    """The quarantine's door for devices."""

    def __init__(
        self,
        store: HeldMessageStore,
        vault: Vault,
        custody: Custody,
        realms: Realms,
        links: Links,
        clock: Clock,
        new_id: NewId,
        *,
        notice_domain: str,
        limits: Limits | None = None,
    ) -> None:
        self.limits: Final = limits or Limits()
        self._store = store
        self._vault = vault
        self._custody = custody
        self._realms = realms
        self._links = links
        self._clock = clock
        self._new_id = new_id
        self._notice_domain = notice_domain
        self._writer = ReplacementWriter()

    async def store(self, device: Caller, manifest: wire.MessageManifest, content: AsyncIterator[bytes]) -> Receipt:
        """Keep a message for good; the steps are above. Raises InvalidRequest, TooLarge, OutOfResources, Conflict."""
        check(manifest, self.limits)
        await self._vault.refuse_without_room(manifest.size)
        settings = (await self._realms.by_id(device.realm_id)).settings
        place = Place(device.realm_id, self._new_id("msg"))
        sealed = await self._vault.store(place, manifest.SerializeToString(), _as_said(manifest, content))
        admission = await self._admit(self._arrival(device, place, manifest, settings, sealed))
        return await self._receipt(admission, manifest, settings)

    async def settle(self, device: Caller, message_id: str, attempt_id: str, outcome: Outcome, reply_code: str) -> None:
        """Record what the server said to a replacement. Raises NotFound, Conflict (ALREADY_SETTLED)."""
        held_by = (str(device.realm_id), str(device.device_id))
        settlement = await self._store.settle(held_by, message_id, attempt_id, outcome, reply_code, self._clock())
        _log.info("quarantine.settled", message=message_id, attempt=attempt_id, outcome=str(outcome), reply=reply_code)
        if settlement.destroyed_blob is not None:
            await self._custody.bury(settlement.destroyed_blob)
        if settlement.first_accepted:
            await self._custody.announce(message_id)

    async def _admit(self, arrival: Arrival) -> Admission:
        admission = await self._store.admit(arrival)
        if not admission.kept_content:
            await self._vault.remove(arrival.sealed.blob)
        _log.info(
            "quarantine.stored",
            realm=arrival.held.realm_id,
            device=arrival.held.device_id,
            message=admission.held.id,
            attempt=admission.attempt_id,
            size=arrival.held.size,
            score=arrival.held.score,
            joined=not admission.kept_content,
        )
        return admission

    def _arrival(
        self, device: Caller, place: Place, manifest: wire.MessageManifest, settings: RealmSettings, sealed: Sealed
    ) -> Arrival:
        now = self._clock()
        held = HeldMessage(
            id=place.message_id,
            realm_id=device.realm_id,
            device_id=device.device_id,
            state=State.HELD,
            received_at=now,
            expires_at=now + timedelta(days=settings.retention_days),
            size=manifest.size,
            score=manifest.score,
            reason=REASONS[manifest.reason],
            mail_from=path_text(manifest.envelope.mail_from),
            recipients=tuple(path_text(path) for path in manifest.envelope.rcpt_to),
            client_address=manifest.client_address,
            acted_at=None,
            acted_by=None,
        )
        return Arrival(
            held, sealed, manifest.sha256, envelope_sha256(manifest.envelope), manifest.request_id, self._new_id("att")
        )

    async def _receipt(self, admission: Admission, manifest: wire.MessageManifest, settings: RealmSettings) -> Receipt:
        held = admission.held
        link = await self._links.issue(held.realm_id, held.id, held.expires_at)
        domain = header_sender(settings, self._notice_domain).rpartition("@")[2]
        facts = Facts(
            manifest=manifest,
            settings=settings,
            link=link,
            expires_at=held.expires_at,
            message_id=f"{held.id}.replacement@{domain}",
            date=self._clock(),
            notice_domain=self._notice_domain,
        )
        return Receipt(held.id, admission.attempt_id, envelope_sender(settings), self._writer.write(facts))


async def _as_said(manifest: wire.MessageManifest, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The bytes as they come. Raises InvalidRequest (DIGEST_MISMATCH) as soon as they are not the message that was said."""
    digest = hashlib.sha256()
    size = 0
    async for piece in content:
        size += len(piece)
        if size > manifest.size:
            break
        digest.update(piece)
        yield piece
    if size != manifest.size or digest.digest() != manifest.sha256:
        raise InvalidRequest(
            "the message's bytes are not those that its manifest describes",
            reason=WireReason.DIGEST_MISMATCH,
            next_step="Store it again; if it happens again, report it.",
        )
