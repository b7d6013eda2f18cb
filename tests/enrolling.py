"""A cloud for tests of who is who: both ports over real TLS on loopback, a database in a folder, a clock that a test owns."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import grpc
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import insert

from atp.enrolment_url import EnrolmentUrl
from atp.identity import RealmId
from atp.v1 import device_pb2
from atp.v1.device_pb2_grpc import DeviceServiceStub
from cloud.clock import random_id
from cloud.enrollment.admission import Admission
from cloud.enrollment.authority import DEVICE_LIFETIME, Authority
from cloud.enrollment.challenges import Challenges
from cloud.enrollment.devices import Devices
from cloud.enrollment.endpoints import Endpoints
from cloud.enrollment.enrolment import Enrolment
from cloud.enrollment.outsider import Outsider
from cloud.enrollment.server_leaf import ServerLeaf
from cloud.enrollment.servicer import DeviceServicer, EnrollmentServicer, Introduction
from cloud.enrollment.tokens import Tokens
from cloud.rpc.gate import Gate
from cloud.rpc.live_calls import LiveCalls
from cloud.rpc.rates import PeerRates
from cloud.rpc.server import Door, RpcAddresses, RpcPorts, RpcServers
from cloud.storage.audit import AuditStore
from cloud.storage.devices import DeviceStore
from cloud.storage.engine import Database
from cloud.storage.tables import audit, enrollment
from cloud.storage.tables.realms import realms
from cloud.storage.tokens import TokenStore
from device.enrollment.channels import as_device
from device.enrollment.enrol import enrol
from device.enrollment.identity import Identity

REALM = RealmId("realm_one")
OTHER_REALM = RealmId("realm_two")
TABLES = [realms, enrollment.enrolment_tokens, enrollment.devices, enrollment.certificates, audit.audit]


@dataclass
class OwnClock:
    """The machine's time, moved as a test likes."""

    offset: timedelta = timedelta(0)
    frozen: datetime | None = None

    def __call__(self) -> datetime:
        return (self.frozen or datetime.now(UTC)) + self.offset

    def forward(self, **amount: float) -> None:
        self.offset += timedelta(**amount)


class PlainSealer:
    """Seals by turning bits: for tests of what is sealed, not of how. Remembers what was unsealed."""

    def __init__(self) -> None:
        self.unsealed: list[str] = []

    def seal(self, purpose: str, data: bytes) -> bytes:
        return purpose.encode() + b"|" + bytes(byte ^ 0xFF for byte in data)

    def unseal(self, purpose: str, sealed: bytes) -> bytes:
        found, _, data = sealed.partition(b"|")
        assert found == purpose.encode()
        self.unsealed.append(purpose)
        return bytes(byte ^ 0xFF for byte in data)


@dataclass
class Cloud:
    """A running cloud, as far as enrolment goes."""

    authority: Authority
    tokens: Tokens
    devices: Devices
    admission: Admission
    audit: AuditStore
    database: Database
    live: LiveCalls
    clock: OwnClock
    leaf: ServerLeaf
    enrolment_servicers: tuple[object, ...]
    device_servicers: tuple[object, ...]
    ports: RpcPorts = field(default_factory=lambda: RpcPorts(0, 0))

    @cached_property
    def servers(self) -> RpcServers:
        """Both servers behind the gate that holds in the service, too."""
        gate = Gate(self.admission, self.live, self.clock, random_id)
        return RpcServers(gate, self.enrolment_door(), self.device_door())

    def enrolment_door(self, *servicers: object) -> Door:
        """The port without client certificates; with these servicers instead of its own."""
        return Door(self.leaf, None, servicers or self.enrolment_servicers)

    def device_door(self, *servicers: object) -> Door:
        """The port of mutual TLS; with these servicers instead of its own."""
        return Door(self.leaf, self.authority.device_ca.public_bytes(Encoding.PEM), servicers or self.device_servicers)

    async def url(self, realm: RealmId = REALM, serial: str | None = None, **lifetime: float) -> EnrolmentUrl:
        """A new token's URL."""
        wanted = timedelta(**lifetime) if lifetime else timedelta(hours=1)
        return await self.tokens.create(realm, wanted, serial)

    async def enrolled(self, state: Path, realm: RealmId = REALM, serial: str = "SN1") -> Identity:
        """A device enrolled by its own code."""
        return await enrol((await self.url(realm)).text(), state, serial=serial, clock=self.clock)

    async def noted(self, what: str) -> list[dict[str, str | int]]:
        """The fields of the audit entries of that kind, newest first."""
        return [dict(entry.fields) for entry in await self.audit.latest() if entry.what == what]


async def use(identity: Identity) -> str:
    """Call as that device; OK, or what the cloud says."""
    async with as_device(identity) as channel:
        try:
            await DeviceServiceStub(channel).Heartbeat(device_pb2.HeartbeatRequest(), timeout=10)
        except grpc.aio.AioRpcError as error:
            return str(error.details())
    return "OK"


async def open_database(folder: Path) -> Database:
    """A database with this room's tables and two realms."""
    database = Database.open_sqlite(folder / "cloud.db")
    async with database.writing() as connection:
        await connection.run_sync(lambda raw: realms.metadata.create_all(raw, tables=TABLES))
        now = datetime.now(UTC)
        for realm_id, name in ((REALM, "one"), (OTHER_REALM, "two")):
            await connection.execute(
                insert(realms).values(
                    id=realm_id, name=name, created_at=now, settings={}, policy_revision=1, policy_changed_at=now
                )
            )
    return database


def wire(
    database: Database,
    folder: Path,
    clock: OwnClock,
    servicers: Sequence[object] = (),
    *,
    device_lifetime: timedelta = DEVICE_LIFETIME,
    rates: Callable[[OwnClock], PeerRates] = lambda clock: PeerRates(clock, burst=10_000),
) -> Cloud:
    """A cloud that does not serve yet."""
    authority = Authority.open(folder / "authority", PlainSealer(), clock, device_lifetime=device_lifetime)
    live, store, audit_store = LiveCalls(), DeviceStore(database), AuditStore(database, clock)
    cloud: Cloud

    def advertised() -> Endpoints:
        return Endpoints("localhost", cloud.ports.enrolment, cloud.ports.device)

    tokens = Tokens(TokenStore(database), audit_store, clock, authority.pin, advertised)
    devices = Devices(store, live, clock)
    admission = Admission(authority.name, devices, store, clock)
    enrolment = Enrolment(authority, tokens, devices, store, clock, random_id)
    introduction, challenges = Introduction(authority, advertised, clock), Challenges(clock)
    outsider = Outsider(authority, admission, enrolment, challenges, clock)
    enroller = EnrollmentServicer(authority, enrolment, outsider, challenges, introduction, rates(clock), clock)
    leaf = ServerLeaf(authority, ["localhost"], clock, above=(authority.server_ca, authority.root))
    cloud = Cloud(
        authority=authority,
        tokens=tokens,
        devices=devices,
        admission=admission,
        audit=audit_store,
        database=database,
        live=live,
        clock=clock,
        leaf=leaf,
        enrolment_servicers=(enroller,),
        device_servicers=(DeviceServicer(devices, enrolment, introduction), *servicers),
    )
    return cloud


@asynccontextmanager
async def running(cloud: Cloud, at: RpcPorts | None = None) -> AsyncIterator[Cloud]:
    """Serve on loopback, on free ports or on these."""
    await cloud.devices.load()
    wanted = at or cloud.ports
    addresses = RpcAddresses(f"127.0.0.1:{wanted.enrolment}", f"127.0.0.1:{wanted.device}")
    cloud.ports = await cloud.servers.start(addresses)
    try:
        yield cloud
    finally:
        await cloud.servers.stop(0)


@asynccontextmanager
async def cloud_in(folder: Path, servicers: Sequence[object] = ()) -> AsyncIterator[Cloud]:
    """A whole running cloud on an empty folder."""
    database = await open_database(folder)
    try:
        async with running(wire(database, folder, OwnClock(), servicers)) as cloud:
            yield cloud
    finally:
        await database.close()
