"""A quarantine with a real database and a real vault in a folder, and doubles for the rooms beyond it."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from atp.identity import DeviceId
from atp.v1 import quarantine_pb2 as wire
from cloud.clock import random_id
from cloud.policy.realm import Realm
from cloud.quarantine.custody import Custody
from cloud.quarantine.keys import KeyRing
from cloud.quarantine.lifecycle import Actor, ActorKind
from cloud.quarantine.manifest import Limits
from cloud.quarantine.reception import Reception
from cloud.quarantine.servicer import QuarantineServicer
from cloud.quarantine.vault import Vault
from cloud.rpc.caller import Caller, acting_as
from cloud.storage.acts import ActStore
from cloud.storage.blobs import LocalBlobs
from cloud.storage.engine import Database
from cloud.storage.quarantine import HeldMessageStore
from cloud.storage.realms import RealmStore
from cloud.storage.tables import realms as _realm_tables  # noqa: F401 - held messages refer to realms
from cloud.storage.tables.metadata import metadata

SUBJECT = "Xylophone-Subject-Marker"
BODY = "Quixotic-Body-Marker"
ATTACHMENT = "Zephyr-Attachment-Marker.docm"
MARKERS = tuple(marker.encode() for marker in (SUBJECT, BODY, ATTACHMENT))

RECIPIENT = Actor(ActorKind.RECIPIENT, "bob@example.org")
ADMINISTRATOR = Actor(ActorKind.ADMINISTRATOR, "console")


@dataclass
class Calls:
    """What a Dispatch and a Links were asked; `failing` is what the Dispatch raises."""

    made: list[tuple[str, ...]] = field(default_factory=list)
    failing: Exception | None = None

    async def release(self, message_id: str, act_id: str) -> None:
        self._note("release", message_id, act_id)

    async def notice(self, act_id: str) -> None:
        self._note("notice", act_id)

    async def quarantined(self, message_id: str) -> None:
        self._note("quarantined", message_id)

    async def issue(self, realm_id: str, message_id: str, expires_at: datetime) -> str:
        self.made.append(("issue", realm_id, message_id, expires_at.isoformat()))
        return f"https://portal.example.net/m/{message_id}-{len(self.made)}"

    def named(self, name: str) -> list[tuple[str, ...]]:
        return [call for call in self.made if call[0] == name]

    def _note(self, *call: str) -> None:
        if self.failing is not None:
            raise self.failing
        self.made.append(call)


@dataclass
class World:
    """Everything, open. `now` is the time that all of it believes in."""

    state: Path
    database: Database
    realms: RealmStore
    realm: Realm
    store: HeldMessageStore
    vault: Vault
    custody: Custody
    servicer: QuarantineServicer
    calls: Calls
    moment: list[datetime]

    @classmethod
    async def open(cls, folder: Path, *, limits: Limits | None = None) -> Self:
        """Open the state in that folder, made at the first time."""
        state = folder / "state"
        state.mkdir(exist_ok=True)
        keys = KeyRing.open(folder / "state.key", state)
        database = Database.open_sqlite(state / "cloud.db")
        async with database.writing() as connection:
            await connection.run_sync(metadata.create_all)
        calls, moment = Calls(), [datetime(2026, 3, 1, 12, tzinfo=UTC)]
        realms, store = RealmStore(database, random_id), HeldMessageStore(database)
        known = await realms.all()
        realm = known[0] if known else await realms.create("lab", moment[0])
        vault = Vault(LocalBlobs.open(state / "vault"), keys)
        custody = Custody(store, ActStore(database), vault, realms, calls, lambda: moment[0], random_id)
        reception = Reception(
            store,
            vault,
            custody,
            realms,
            calls,
            lambda: moment[0],
            random_id,
            notice_domain="cloud.example.net",
            limits=limits,
        )
        return cls(state, database, realms, realm, store, vault, custody, QuarantineServicer(reception), calls, moment)

    async def close(self) -> None:
        await self.database.close()

    def device(self, name: str = "dev_one", realm: Realm | None = None) -> Caller:
        return Caller((realm or self.realm).id, DeviceId(name), 1)

    def later(self, **delta: float) -> datetime:
        self.moment[0] += timedelta(**delta)
        return self.moment[0]

    async def set(self, **settings: object) -> None:
        current = (await self.realms.by_id(self.realm.id)).settings
        await self.realms.change_settings(self.realm.id, current.changed(settings), self.moment[0])

    async def send(
        self, requests: Sequence[wire.StoreMessageRequest], device: Caller | None = None
    ) -> wire.StoreMessageResponse:
        with acting_as(device or self.device()):
            return await self.servicer.StoreMessage(stream(requests), None)

    async def hold(
        self, request_id: str = "request-0000000001", device: Caller | None = None
    ) -> wire.StoreMessageResponse:
        """Store the sample message."""
        return await self.send(requests_for(sample(), request_id), device)

    async def settle(
        self, receipt: wire.StoreMessageResponse, outcome: wire.SettleOutcome.ValueType, device: Caller | None = None
    ) -> None:
        request = wire.SettleMessageRequest(
            message_id=receipt.message_id,
            attempt_id=receipt.attempt_id,
            outcome=outcome,
            reply="550 5.7.1 no: " + SUBJECT,
        )
        with acting_as(device or self.device()):
            await self.servicer.SettleMessage(request, None)

    def files(self) -> dict[str, bytes]:
        """Everything that stands in the state folder."""
        return {
            str(path.relative_to(self.state)): path.read_bytes() for path in self.state.rglob("*") if path.is_file()
        }

    def blobs(self) -> list[str]:
        """The blobs that are there, staging files included."""
        return [name for name in self.files() if name.startswith("vault/")]

    def leaks(self) -> list[str]:
        """The files that hold a marker of the sample in plain text."""
        return [name for name, content in self.files().items() if any(marker in content for marker in MARKERS)]


async def stream(requests: Sequence[wire.StoreMessageRequest]) -> AsyncIterator[wire.StoreMessageRequest]:
    for request in requests:
        yield request


def sample(padding: int = 0) -> bytes:
    """A message with an attachment, its markers in plain text."""
    lines = [
        "From: Mallory <mallory@example.com>",
        "To: bob@example.org",
        f"Subject: {SUBJECT}",
        "MIME-Version: 1.0",
        'Content-Type: multipart/mixed; boundary="b"',
        "",
        "--b",
        "",
        BODY,
        "--b",
        f'Content-Disposition: attachment; filename="{ATTACHMENT}"',
        "",
        (BODY + " ") * (padding // len(BODY)),
        "--b--",
        "",
    ]
    return "\r\n".join(lines).encode()


def manifest_for(content: bytes, request_id: str = "request-0000000001") -> wire.MessageManifest:
    """The sample's reading, as a device would send it."""
    whole = wire.ByteRange(start=0, end=len(content))
    return wire.MessageManifest(
        request_id=request_id,
        envelope=wire.MessageEnvelope(
            mail_from=b"mallory@example.com", rcpt_to=[b"bob@example.org", b"eve@example.org"]
        ),
        sha256=hashlib.sha256(content).digest(),
        size=len(content),
        score=10,
        reason=wire.HOLD_REASON_MALICIOUS,
        client_address="192.0.2.7",
        reading=wire.MessageReading(
            fields=[
                wire.ReadField(name="From", display="Mallory <mallory@example.com>", range=whole),
                wire.ReadField(name="Subject", display=SUBJECT, range=whole),
                wire.ReadField(name="Date", display="Sun, 1 Mar 2026 11:59:00 +0000", range=whole),
            ],
            parts=[
                wire.ReadPart(index=0, header=whole, body=whole, role=wire.PART_ROLE_CONTAINER),
                wire.ReadPart(index=1, parent=0, header=whole, body=whole, role=wire.PART_ROLE_TEXT),
                wire.ReadPart(
                    index=2,
                    parent=0,
                    header=whole,
                    body=whole,
                    role=wire.PART_ROLE_ATTACHMENT,
                    name=ATTACHMENT,
                    content_type="application/octet-stream",
                    size=4096,
                    sha256=b"d" * 32,
                    score=10,
                    in_zip=True,
                ),
            ],
        ),
    )


def requests_for(
    content: bytes, request_id: str = "request-0000000001", chunk: int = 64 * 1024
) -> list[wire.StoreMessageRequest]:
    pieces = [content[start : start + chunk] for start in range(0, len(content), chunk)]
    manifest = manifest_for(content, request_id)
    return [
        wire.StoreMessageRequest(manifest=manifest),
        *(wire.StoreMessageRequest(chunk=piece) for piece in pieces),
    ]
