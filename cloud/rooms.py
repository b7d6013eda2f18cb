"""The rooms of one opened state, wired: what the running service and a command without a service have in common.

1. The database is brought to this version's shape, in a thread; then its engines open.
2. The key ring opens: without the master key nothing else may start.
3. The authority is read, or founded at the first start.
4. Stores and rooms are wired over them, devices are read into memory. Nothing listens, and nothing runs by itself.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from cloud.address import Address
from cloud.clock import Clock, NewId, random_id, system_clock
from cloud.control.administration import Administration
from cloud.enrollment.authority import Authority
from cloud.enrollment.devices import Devices
from cloud.enrollment.endpoints import Advertised, Endpoints
from cloud.enrollment.tokens import Tokens
from cloud.errors import Conflict
from cloud.notices.desk import NoticeDesk
from cloud.policy.broadcast import PolicyBroadcast
from cloud.policy.editor import PolicyEditor
from cloud.portal.base_url import BaseUrl
from cloud.portal.capability import ConsoleLinks
from cloud.quarantine.custody import Custody
from cloud.quarantine.keys import KeyRing
from cloud.quarantine.vault import Vault
from cloud.release.dispatch import Dispatcher, Jobs
from cloud.release.keys import ReleaseKeys
from cloud.rpc.live_calls import LiveCalls
from cloud.settings import Settings
from cloud.storage.acts import ActStore
from cloud.storage.audit import AuditStore
from cloud.storage.blobs import LocalBlobs
from cloud.storage.devices import DeviceStore
from cloud.storage.engine import Database
from cloud.storage.events import EventStore
from cloud.storage.links import LinkStore
from cloud.storage.lists import ListStore
from cloud.storage.migrations.upgrade import upgrade_sqlite
from cloud.storage.notices import NoticeStore
from cloud.storage.quarantine import HeldMessageStore
from cloud.storage.realms import RealmStore
from cloud.storage.release_keys import ReleaseKeyStore
from cloud.storage.releases import ReleaseStore
from cloud.storage.state_folder import StateFolder
from cloud.storage.tokens import TokenStore
from cloud.storage.verdicts import VerdictStore

_AUTHORITY_REALM: Final = "authority"
"""Whose key seals the authority's own keys; no realm has this id, theirs begin with realm_."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """Every room that needs neither network nor schedule."""

    database: Database
    keys: KeyRing
    authority: Authority
    realms: RealmStore
    release_keys: ReleaseKeys
    policy: PolicyEditor
    broadcast: PolicyBroadcast
    live: LiveCalls
    device_store: DeviceStore
    devices: Devices
    tokens: Tokens
    held: HeldMessageStore
    acts: ActStore
    vault: Vault
    custody: Custody
    desk: NoticeDesk
    dispatcher: Dispatcher
    notices: NoticeStore
    releases: ReleaseStore
    verdicts: VerdictStore
    links: LinkStore
    events: EventStore
    audit: AuditStore
    clock: Clock
    new_id: NewId


@asynccontextmanager
async def open_rooms(
    settings: Settings, folder: StateFolder, *, advertised: Advertised, jobs: Jobs, clock: Clock, new_id: NewId
) -> AsyncIterator[Rooms]:
    """Open a locked state for the length of the block; the steps are above. Raises Conflict for a state that can't be opened."""
    await asyncio.to_thread(upgrade_sqlite, folder.database)
    database = Database.open_sqlite(folder.database)
    try:
        keys = KeyRing.open(settings.key_file, folder.path, master_key=settings.master_key)
        authority = Authority.open(folder.authority, AuthoritySealer(keys), clock)
        rooms = _wired(database, keys, authority, folder, advertised=advertised, jobs=jobs, clock=clock, new_id=new_id)
        await rooms.devices.load()
        yield rooms
    finally:
        await database.close()


def _wired(
    database: Database,
    keys: KeyRing,
    authority: Authority,
    folder: StateFolder,
    *,
    advertised: Advertised,
    jobs: Jobs,
    clock: Clock,
    new_id: NewId,
) -> Rooms:
    realms, broadcast, live = RealmStore(database, new_id), PolicyBroadcast(), LiveCalls()
    audit = AuditStore(database, clock)
    release_keys = ReleaseKeys(ReleaseKeyStore(database), keys, clock, new_id)
    device_store = DeviceStore(database)
    notices, releases = NoticeStore(database), ReleaseStore(database)
    held, acts, vault = HeldMessageStore(database), ActStore(database), Vault(LocalBlobs.open(folder.vault), keys)
    desk = NoticeDesk(notices, acts, held, realms, jobs, clock)
    dispatcher = Dispatcher(acts, releases, notices, desk, jobs, clock)
    return Rooms(
        database=database,
        keys=keys,
        authority=authority,
        realms=realms,
        release_keys=release_keys,
        policy=PolicyEditor(realms, ListStore(database, new_id), release_keys, broadcast, clock),
        broadcast=broadcast,
        live=live,
        device_store=device_store,
        devices=Devices(device_store, live, clock),
        tokens=Tokens(TokenStore(database), audit, clock, authority.pin, advertised),
        held=held,
        acts=acts,
        vault=vault,
        custody=Custody(held, acts, vault, realms, dispatcher, clock, new_id),
        desk=desk,
        dispatcher=dispatcher,
        notices=notices,
        releases=releases,
        verdicts=VerdictStore(database, keys),
        links=LinkStore(database),
        events=EventStore(database),
        audit=audit,
        clock=clock,
        new_id=new_id,
    )


@asynccontextmanager
async def opened_for_command(settings: Settings, folder: StateFolder) -> AsyncIterator[Administration]:
    """The state as a command without a service works on it. What its acts ask for is done by the next service."""

    def expected_endpoints() -> Endpoints:
        return Endpoints(settings.host, _fixed(settings.enrolment_listen), _fixed(settings.device_listen))

    async with open_rooms(
        settings, folder, advertised=expected_endpoints, jobs=AtNextStart(), clock=system_clock, new_id=random_id
    ) as rooms:
        yield administration(rooms, lambda: BaseUrl.parse(portal_url(settings, _fixed(settings.portal_listen))))


def administration(rooms: Rooms, portal: Callable[[], BaseUrl]) -> Administration:
    """What commands work on. `portal` raises Conflict where the portal's address is not known."""
    return Administration(
        realms=rooms.realms,
        tokens=rooms.tokens,
        devices=rooms.devices,
        policy=rooms.policy,
        events=rooms.events,
        custody=rooms.custody,
        releases=rooms.releases,
        audit=rooms.audit,
        console_links=lambda: ConsoleLinks(rooms.links, portal(), clock=rooms.clock),
        on_new_realm=rooms.release_keys.ensure,
        clock=rooms.clock,
    )


def portal_url(settings: Settings, port: int) -> str:
    """The base of every link in mail: as it is set, else where the portal listens (on loopback)."""
    return settings.portal_url or f"http://{Address(settings.portal_listen.host, port)}"


def _fixed(address: Address) -> int:
    if not address.port:
        raise Conflict(
            "the service's ports are not known before it runs",
            next_step="Start it first (srx-cloud serve), or set fixed ports.",
        )
    return address.port


class AtNextStart:
    """Jobs without a service: what is to be done stands in the rows already, and the next start finds it there."""

    async def enqueue(self, kind: str, thing: str, delay: timedelta = timedelta(0)) -> None:
        """The next service's recover() asks for it."""

    async def ensure(self, kind: str, thing: str) -> None:
        """As enqueue()."""


class AuthoritySealer:
    """The key ring as the authority needs it: its secrets belong to no realm."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def seal(self, purpose: str, data: bytes) -> bytes:
        return self._keys.seal(_AUTHORITY_REALM, purpose, data)

    def unseal(self, purpose: str, sealed: bytes) -> bytes:
        return self._keys.unseal(_AUTHORITY_REALM, purpose, sealed)
