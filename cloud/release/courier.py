"""The courier: everything that the cloud mails goes through here, each copy with a pass of its own.

1. A fresh pass for this copy is minted and remembered.
2. The pass and a Received field of ours are put in front: neither is under the digest.
3. One SMTP transaction hands the copy over.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Final, Protocol

import structlog

from atp.release_pass import NotAPass
from cloud.address import Address
from cloud.clock import Clock, NewId
from cloud.policy.realm import Realm
from cloud.release.envelope import Letter
from cloud.release.passes import Minted, SigningKey, Terms, mint
from cloud.release.redelivery import Answer, Fate, RouteDown, Session, Timing, connected

_log = structlog.get_logger()

NO_ROUTE: Final = "no release route: srx-cloud settings set release_route=HOST:PORT"
"""What the administrator sees where nothing can be sent."""

_BAD_ROUTE: Final = "the release route is no HOST:PORT: srx-cloud settings set release_route=HOST:PORT"


class Keys(Protocol):
    """Whoever has the realms' release keys."""

    async def signing(self, realm_id: str) -> SigningKey:
        """The key to mint with."""


class Passes(Protocol):
    """Whoever remembers passes."""

    async def keep(self, minted: Minted) -> None:
        """Before its message is sent."""


@dataclass(frozen=True, slots=True)
class Errand:
    """For whom a letter is carried, and what it is about: `reference` is a release's or a notice's id, for Received."""

    realm: Realm
    reference: str
    message_id: str | None


class Courier:
    """Carries letters along a realm's release route. `host` is this cloud's name in mail."""

    def __init__(
        self, keys: Keys, passes: Passes, clock: Clock, new_id: NewId, host: str, timing: Timing | None = None
    ) -> None:
        self._keys = keys
        self._passes = passes
        self._clock = clock
        self._new_id = new_id
        self._host = host
        self._timing = timing or Timing()

    @asynccontextmanager
    async def on_route(self, realm: Realm) -> AsyncIterator[Session]:
        """A session along the realm's route. Raises RouteDown, also where the realm has no route."""
        text = realm.settings.release_route
        if not text:
            raise RouteDown(NO_ROUTE)
        try:
            route = Address.parse(text)
        except ValueError as error:
            raise RouteDown(_BAD_ROUTE) from error
        async with connected(route, self._host, self._timing) as session:
            yield session

    async def carry(self, session: Session, errand: Errand, letter: Letter) -> Answer:
        """One copy, with a fresh pass. Never raises for what the server says or does."""
        try:
            field = await self._fresh_pass(errand, letter)
        except NotAPass:
            return Answer(Fate.REFUSED, "the header has no canonical form")
        answer = await session.send(replace(letter, content=self._trace(errand) + field + letter.content))
        _log.info("mail.carried", realm=errand.realm.id, id=errand.reference, fate=str(answer.fate), reply=answer.reply)
        return answer

    async def _fresh_pass(self, errand: Errand, letter: Letter) -> bytes:
        """The field of a pass that is remembered."""
        settings = errand.realm.settings
        key = await self._keys.signing(errand.realm.id)
        now = self._clock()
        terms = Terms(timedelta(minutes=settings.pass_lifetime_minutes), settings.devices_on_path)
        path = (letter.mail_from, letter.recipient)
        claims = mint(key, self._new_id("pass"), letter.content, path, terms, now)
        await self._passes.keep(Minted(claims, errand.message_id, terms.uses, now))
        return claims.sign(key.private)

    def _trace(self, errand: Errand) -> bytes:
        """Received (RFC 5321, section 4.4); the recipient is not named in it."""
        return f"Received: by {self._host} id {errand.reference};\r\n\t{format_datetime(self._clock())}\r\n".encode()
