"""The rooms around a release, all real: database, vault, keys, custody, verdicts; the tests give time, route and server."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from atp.identity import DeviceId
from atp.v1 import quarantine_pb2 as wire
from cloud.clock import random_id
from cloud.jobs.backoff import Backoff
from cloud.notices.desk import NoticeDesk
from cloud.notices.letter import NoticeWriter
from cloud.notices.work import Needs as NoticeNeeds
from cloud.notices.work import NoticeWork
from cloud.policy.realm import Realm
from cloud.quarantine.custody import Custody
from cloud.quarantine.held import HeldMessage
from cloud.quarantine.keys import KeyRing
from cloud.quarantine.lifecycle import Act, Actor, ActorKind
from cloud.quarantine.reception import Reception
from cloud.quarantine.vault import Vault
from cloud.release.courier import Courier
from cloud.release.dispatch import Dispatcher
from cloud.release.keys import ReleaseKeys
from cloud.release.passwords import Passwords
from cloud.release.progress import Progress
from cloud.release.redelivery import Timing
from cloud.release.workflow import Needs, ReleaseWork
from cloud.rpc.caller import Caller
from cloud.storage.acts import ActStore
from cloud.storage.blobs import LocalBlobs
from cloud.storage.engine import Database
from cloud.storage.migrations.upgrade import upgrade_sqlite
from cloud.storage.notices import NoticeStore
from cloud.storage.passes import PassStore
from cloud.storage.quarantine import HeldMessageStore
from cloud.storage.realms import RealmStore
from cloud.storage.release_keys import ReleaseKeyStore
from cloud.storage.releases import ReleaseStore
from cloud.storage.verdicts import VerdictStore

RECIPIENT = Actor(ActorKind.RECIPIENT, "bob@example.com")
ADMINISTRATOR = Actor(ActorKind.ADMINISTRATOR, "console")
HOST = "cloud.example.net"
SOON = timedelta(milliseconds=20)


@dataclass
class Asked:
    """What jobs were asked for, where a test does them itself."""

    jobs: list[tuple[str, str]] = field(default_factory=list)
    delays: list[timedelta] = field(default_factory=list)

    async def enqueue(self, kind: str, thing: str, delay: timedelta = timedelta(0)) -> None:
        if (kind, thing) not in self.jobs:
            self.jobs.append((kind, thing))
            self.delays.append(delay)

    async def ensure(self, kind: str, thing: str) -> None:
        await self.enqueue(kind, thing)

    def of(self, kind: str) -> list[str]:
        return [thing for each, thing in self.jobs if each == kind]


class NoLinks:
    """Replacements are not what is tested here."""

    async def issue(self, realm_id: str, message_id: str, expires_at: datetime) -> str:
        return f"https://portal.example.net/m/{realm_id}-{message_id}-{expires_at.year}"


@dataclass
class Rig:
    """Everything, open. `now` is the time that all of it believes in."""

    database: Database
    realm: Realm
    realms: RealmStore
    held: HeldMessageStore
    custody: Custody
    reception: Reception
    keys: ReleaseKeys
    passes: PassStore
    releases: ReleaseStore
    notices: NoticeStore
    verdicts: VerdictStore
    passwords: Passwords
    dispatcher: Dispatcher
    work: ReleaseWork
    notice_work: NoticeWork
    asked: Asked
    moment: list[datetime]

    @classmethod
    async def open(cls, folder: Path, *, jobs: object = None) -> Self:
        """Open the state in that folder, made at the first time. `jobs` takes the place of the list of what was asked."""
        state = folder / "state"
        state.mkdir(exist_ok=True)
        upgrade_sqlite(state / "cloud.db")
        database = Database.open_sqlite(state / "cloud.db")
        ring = KeyRing.open(folder / "state.key", state)
        moment = [datetime(2026, 3, 1, 12, tzinfo=UTC)]
        asked = Asked() if jobs is None else jobs

        def clock() -> datetime:
            return moment[0]

        realms, held, acts = RealmStore(database, random_id), HeldMessageStore(database), ActStore(database)
        known = await realms.all()
        realm = known[0] if known else await realms.create("lab", moment[0])
        releases, notices, passes = ReleaseStore(database), NoticeStore(database), PassStore(database)
        verdicts = VerdictStore(database, ring)
        keys = ReleaseKeys(ReleaseKeyStore(database), ring, clock, random_id)
        desk = NoticeDesk(notices, acts, held, realms, asked, clock)  # type: ignore[arg-type]
        dispatcher = Dispatcher(acts, releases, notices, desk, asked, clock)  # type: ignore[arg-type]
        vault = Vault(LocalBlobs.open(state / "vault"), ring)
        custody = Custody(held, acts, vault, realms, dispatcher, clock, random_id)
        courier = Courier(keys, passes, clock, random_id, HOST, Timing(connect=5, reply=10))
        passwords = Passwords(releases, ring, secrets.choice)
        backoff = Backoff(SOON, SOON)
        work = ReleaseWork(Needs(custody, realms, verdicts, desk, releases, courier, passwords, clock, HOST, backoff))
        notice_work = NoticeWork(
            NoticeNeeds(notices, acts, custody, realms, releases, courier, NoticeWriter(HOST), clock, backoff)
        )
        reception = Reception(held, vault, custody, realms, NoLinks(), clock, random_id, notice_domain=HOST)
        return cls(
            database,
            realm,
            realms,
            held,
            custody,
            reception,
            keys,
            passes,
            releases,
            notices,
            verdicts,
            passwords,
            dispatcher,
            work,
            notice_work,
            asked,  # type: ignore[arg-type]
            moment,
        )

    async def close(self) -> None:
        await self.database.close()

    def device(self, name: str = "dev_one") -> Caller:
        return Caller(self.realm.id, DeviceId(name), 1)

    async def set(self, **settings: object) -> None:
        current = (await self.realms.by_id(self.realm.id)).settings
        await self.realms.change_settings(self.realm.id, current.changed(settings), self.moment[0])

    async def hold(self, built: tuple[wire.MessageManifest, bytes]) -> HeldMessage:
        """Keep a message, its replacement taken."""
        manifest, content = built
        manifest.request_id = random_id("request")
        receipt = await self.reception.store(self.device(), manifest, _chunks(content))
        return await self.custody.get(self.realm.id, receipt.message_id)

    async def act(self, held: HeldMessage, act: Act = Act.RELEASE, actor: Actor = RECIPIENT) -> str:
        """Do it; the act's id."""
        await self.custody.act(self.realm.id, held.id, act, actor)
        acts = await ActStore(self.database).of_message(self.realm.id, held.id)
        return acts[-1].id

    async def progress(self, release_id: str) -> Progress:
        return await self.releases.progress(release_id)


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content
