"""Links that open things: whoever holds one may, whoever does not learns nothing.

    recipient       BASE/m/TOKEN                  one message, for as long as it is kept; in the replacement mail
    administrator   BASE/console/sign-in/TOKEN    a realm's console, once, within ten minutes; from `srx-cloud console link`

A token is 256 random bits. The table keeps its SHA-256: fast is right here, since nobody guesses 256 bits, and looking
a digest up in an index tells a clock nothing about the token. The browser gets a cookie in exchange (sessions.py), and the
address with the token in it leads nowhere else: pages carry no referrer, and no log line has it.
"""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from atp.identity import RealmId
from cloud.clock import Clock
from cloud.portal.base_url import BaseUrl
from cloud.storage.links import LinkStore, MessageLink

SIGN_IN_LIFETIME: Final = timedelta(minutes=10)

MESSAGE_PATH: Final = "/m/"
SIGN_IN_PATH: Final = "/console/sign-in/"

NewSecret = Callable[[], str]
"""256 new random bits as 43 letters, digits, - and _."""


def random_secret() -> str:
    """From the machine's own randomness."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> bytes:
    """What is kept of a secret: 32 bytes."""
    return hashlib.sha256(secret.encode()).digest()


class Links:
    """Links into one message each."""

    def __init__(
        self, store: LinkStore, base_url: BaseUrl, *, clock: Clock, new_secret: NewSecret = random_secret
    ) -> None:
        self._store = store
        self._base_url = base_url
        self._clock = clock
        self._new_secret = new_secret

    async def issue(self, realm_id: str, message_id: str, expires_at: datetime) -> str:
        """A new link, whole, for a replacement mail; earlier ones stay valid. Writes: never call it inside a transaction."""
        token = self._new_secret()
        link = MessageLink(RealmId(realm_id), message_id, expires_at)
        await self._store.keep_message_link(digest_of(token), link, self._clock())
        return self._base_url.url(f"{MESSAGE_PATH}{token}")

    async def opened(self, token: str) -> MessageLink | None:
        """What a token opens; None for every token that opens nothing (any more). Changes nothing."""
        return await self._store.message_link(digest_of(token), self._clock())


class ConsoleLinks:
    """Links that sign an administrator in."""

    def __init__(
        self, store: LinkStore, base_url: BaseUrl, *, clock: Clock, new_secret: NewSecret = random_secret
    ) -> None:
        self._store = store
        self._base_url = base_url
        self._clock = clock
        self._new_secret = new_secret

    async def issue(self, realm_id: str) -> str:
        """A new link, whole, for whoever may run `srx-cloud`; good for one sign-in within ten minutes."""
        token = self._new_secret()
        now = self._clock()
        await self._store.keep_sign_in_link(digest_of(token), RealmId(realm_id), now, now + SIGN_IN_LIFETIME)
        return self._base_url.url(f"{SIGN_IN_PATH}{token}")

    async def is_valid(self, token: str) -> bool:
        """Whether the token would still sign somebody in. Changes nothing: link scanners ask this too."""
        return await self._store.has_sign_in_link(digest_of(token), self._clock())

    async def use(self, token: str) -> RealmId | None:
        """The id of the realm that the token signs into, to the first who asks; None to everyone after."""
        return await self._store.use_sign_in_link(digest_of(token), self._clock())
