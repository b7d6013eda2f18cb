"""The portal for tests: the real application over the real custody, vault and database, and browsers that use it."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Self

import httpx
from starlette.applications import Starlette

from atp.identity import RealmId
from cloud.clock import random_id
from cloud.policy.realm import Realm
from cloud.portal.app import make_app
from cloud.portal.base_url import BaseUrl
from cloud.portal.capability import ConsoleLinks, Links
from cloud.quarantine.custody import Custody
from cloud.quarantine.held import Arrival, HeldMessage
from cloud.quarantine.keys import KeyRing
from cloud.quarantine.lifecycle import State
from cloud.quarantine.manifest import REASONS
from cloud.quarantine.vault import Place, Vault
from cloud.storage.acts import ActStore
from cloud.storage.blobs import LocalBlobs
from cloud.storage.engine import Database
from cloud.storage.links import LinkStore
from cloud.storage.migrations.upgrade import upgrade_sqlite
from cloud.storage.quarantine import HeldMessageStore
from cloud.storage.realms import RealmStore
from cloud.storage.releases import ReleaseStore
from cloud.storage.sessions import SessionStore
from tests.unit.cloud.portal.letters import Letter, invoice, letter

START = datetime(2025, 11, 25, 8, 0, tzinfo=UTC)
BASE = "https://quarantine.example.com"


@dataclass
class Time:
    """A clock that stands until a test moves it."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **spans: float) -> None:
        self.now += timedelta(**spans)


@dataclass
class Dispatched:
    """What custody handed over."""

    released: list[str] = field(default_factory=list)
    noticed: list[str] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)

    async def release(self, message_id: str, act_id: str) -> None:
        self.released.append(message_id)
        self.acts.append(act_id)

    async def notice(self, act_id: str) -> None:
        self.noticed.append(act_id)

    async def quarantined(self, message_id: str) -> None:
        pass


@dataclass
class Browser:
    """A browser: keeps cookies, names its origin with forms, follows nothing by itself."""

    http: httpx.AsyncClient
    base: str

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def post(
        self, path: str, fields: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """As from a page of the portal, unless `headers` say otherwise."""
        sent = {"origin": "null", "sec-fetch-site": "same-origin"} if headers is None else headers
        return await self.http.post(path, data=dict(fields or {}), headers=sent)

    async def press(self, path: str, act: str) -> httpx.Response:
        """Load the page at `path` and press the button of its form that ends in `act`."""
        page = await self.get(path)
        return await self.post(action(page, act), {"form_token": form_token(page)})


def action(page: httpx.Response, act: str) -> str:
    """Where the form of that act goes."""
    found = re.search(rf'action="([^"]*/{act})"', page.text)
    assert found is not None, f"no button for {act}"
    return found[1]


def buttons(page: httpx.Response) -> list[str]:
    """The buttons of a page, as a person reads them."""
    return [text.strip() for text in re.findall(r"<button[^>]*>([^<]*)</button>", page.text)]


def form_token(page: httpx.Response) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', page.text)
    assert found is not None, "the page has no form"
    return found[1]


@dataclass
class Rig:
    """The portal with a realm in it, and everything that a test may want to look at."""

    app: Starlette
    database: Database
    custody: Custody
    store: HeldMessageStore
    vault: Vault
    realms: RealmStore
    realm: Realm
    links: Links
    console_links: ConsoleLinks
    link_store: LinkStore
    session_store: SessionStore
    time: Time
    dispatched: Dispatched
    base_url: BaseUrl
    blocked: list[tuple[str, str]]

    @classmethod
    async def build(cls, folder: Path, base: str = BASE, *, password: str | None = None) -> Self:
        """A new state in that folder."""
        upgrade_sqlite(folder / "cloud.db")
        database = Database.open_sqlite(folder / "cloud.db")
        time, dispatched, base_url = Time(), Dispatched(), BaseUrl.parse(base)
        realms, store = RealmStore(database, random_id), HeldMessageStore(database)
        vault = Vault(LocalBlobs.open(folder / "state" / "vault"), KeyRing.open(folder / "key", folder / "state"))
        custody = Custody(store, ActStore(database), vault, realms, dispatched, time, random_id)
        links, sessions = LinkStore(database), SessionStore(database)
        blocked: list[tuple[str, str]] = []

        async def block_sender(realm_id: RealmId, sender: str) -> None:
            blocked.append((realm_id, sender))

        async def release_password(_realm_id: RealmId, _message_id: str) -> str | None:
            return password

        app = make_app(
            custody=custody,
            realms=realms,
            links=links,
            sessions=sessions,
            base_url=base_url,
            clock=time,
            new_id=random_id,
            releases=ReleaseStore(database),
            block_sender=block_sender,
            release_password=release_password,
        )
        return cls(
            app=app,
            database=database,
            custody=custody,
            store=store,
            vault=vault,
            realms=realms,
            realm=await realms.create("acme", START),
            links=Links(links, base_url, clock=time),
            console_links=ConsoleLinks(links, base_url, clock=time),
            link_store=links,
            session_store=sessions,
            time=time,
            dispatched=dispatched,
            base_url=base_url,
            blocked=blocked,
        )

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[Browser]:
        """A new browser without a cookie."""
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url=self.base_url.origin) as http:
            yield Browser(http, self.base_url.path)

    async def hold(self, message: Letter | None = None, realm: Realm | None = None) -> HeldMessage:
        """Put a message into the vault, as StoreMessage does."""
        message = letter(invoice()) if message is None else message
        realm = self.realm if realm is None else realm
        manifest, message_id = message.manifest, random_id("msg")
        sealed = await self.vault.store(
            Place(realm.id, message_id), manifest.SerializeToString(), _in_one_piece(message.content)
        )
        held = HeldMessage(
            id=message_id,
            realm_id=realm.id,
            device_id="dev_1",
            state=State.HELD,
            received_at=self.time(),
            expires_at=self.time() + timedelta(days=30),
            size=manifest.size,
            score=manifest.score,
            reason=REASONS[manifest.reason],
            mail_from=manifest.envelope.mail_from.decode(),
            recipients=tuple(each.decode() for each in manifest.envelope.rcpt_to),
            client_address=manifest.client_address,
            acted_at=None,
            acted_by=None,
        )
        number = next(_numbers)
        digest = number.to_bytes(32)
        await self.store.admit(Arrival(held, sealed, digest, digest, f"request-{number:016}", random_id("try")))
        return held

    async def link_to(self, held: HeldMessage) -> str:
        """A recipient's link, as a path."""
        url = await self.links.issue(held.realm_id, held.id, held.expires_at)
        return url.removeprefix(self.base_url.origin)

    async def open(self, browser: Browser, held: HeldMessage) -> str:
        """Follow a new link; the path of the message's page."""
        assert (await browser.get(await self.link_to(held))).status_code == 200
        return f"{self.base_url.path}/message/{held.id}"

    async def sign_in(self, browser: Browser, realm: Realm | None = None) -> None:
        """Sign an administrator in."""
        url = await self.console_links.issue((self.realm if realm is None else realm).id)
        answer = await browser.post(url.removeprefix(self.base_url.origin))
        assert answer.status_code == 303, answer.text

    async def change(self, **settings: object) -> None:
        """Change settings of the realm."""
        realm = await self.realms.by_id(self.realm.id)
        await self.realms.change_settings(realm.id, realm.settings.changed(settings), self.time())

    async def state_of(self, held: HeldMessage) -> State:
        return (await self.custody.get(held.realm_id, held.id)).state


_numbers = count(1)


async def _in_one_piece(content: bytes) -> AsyncIterator[bytes]:
    yield content
