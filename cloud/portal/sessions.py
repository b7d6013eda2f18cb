"""Who looks: cookies in exchange for links, and what each of them may see.

A cookie is HttpOnly, SameSite=Strict, scoped to the path that it is good for, and Secure wherever the portal is https. A
recipient's covers one message, so that two messages open side by side do not sign each other out; an administrator's
covers the console. The table keeps digests, as with links.

The token in each form is an HMAC under the cookie's own secret: nothing more to keep, and worthless without the cookie.
"""

import hmac
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from atp.identity import RealmId
from cloud.clock import Clock
from cloud.errors import NotFound, NotSignedIn
from cloud.portal.base_url import BaseUrl
from cloud.portal.capability import NewSecret, digest_of, random_secret
from cloud.storage.links import MessageLink
from cloud.storage.sessions import Session, SessionStore

RECIPIENT_LIFETIME: Final = timedelta(hours=12)
"""A day's work; the link itself opens the message again for as long as it is kept."""

CONSOLE_LIFETIME: Final = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A browser that showed a valid cookie."""

    secret: str = field(repr=False)
    session: Session

    @property
    def realm_id(self) -> RealmId:
        return self.session.realm_id

    @property
    def form_token(self) -> str:
        """What a form must carry to be this session's own."""
        return hmac.new(self.secret.encode(), b"form", sha256).hexdigest()

    def is_form_token(self, shown: str) -> bool:
        """Compared in constant time."""
        return hmac.compare_digest(self.form_token.encode(), shown.encode(errors="replace"))


class Sessions:
    """Begins, finds and ends sessions; each cookie is new, whatever the browser came with (no fixation)."""

    def __init__(
        self, store: SessionStore, base_url: BaseUrl, *, clock: Clock, new_secret: NewSecret = random_secret
    ) -> None:
        self._store = store
        self._base_url = base_url
        self._clock = clock
        self._new_secret = new_secret
        self._prefix = "__Secure-atp" if base_url.secure else "atp"

    async def begin_for_message(self, link: MessageLink) -> SignedIn:
        """For the holder of that link; over at the latest when the link is."""
        ends = min(self._clock() + RECIPIENT_LIFETIME, link.expires_at)
        return await self._begin(Session(link.realm_id, link.message_id, ends))

    async def begin_for_console(self, realm_id: RealmId) -> SignedIn:
        """For an administrator of that realm."""
        return await self._begin(Session(realm_id, None, self._clock() + CONSOLE_LIFETIME))

    async def of_message(self, request: Request, message_id: str) -> SignedIn:
        """The recipient's session for that very message. Raises NotFound, in the words of every link that opens nothing."""
        signed_in = await self._find(request, self._name(message_id))
        if signed_in is None or signed_in.session.message_id != message_id:
            raise link_opens_nothing()
        return signed_in

    async def of_console(self, request: Request) -> SignedIn:
        """The administrator's session. Raises NotSignedIn."""
        signed_in = await self._find(request, self._name(None))
        if signed_in is None or signed_in.session.message_id is not None:
            raise NotSignedIn(
                "You are not signed in, or your session is over.",
                next_step="Run srx-cloud console link and open the address that it prints.",
            )
        return signed_in

    async def end(self, signed_in: SignedIn) -> None:
        """The cookie means nothing from now on, wherever it may have been copied to."""
        await self._store.end(digest_of(signed_in.secret))

    def give_cookie(self, response: Response, signed_in: SignedIn) -> None:
        """Hand the session to the browser, until it closes or the session is over."""
        message_id = signed_in.session.message_id
        response.set_cookie(
            self._name(message_id),
            signed_in.secret,
            path=self._path(message_id),
            secure=self._base_url.secure,
            httponly=True,
            samesite="strict",
        )

    def take_cookie(self, response: Response, signed_in: SignedIn) -> None:
        """Have the browser forget it."""
        message_id = signed_in.session.message_id
        response.delete_cookie(
            self._name(message_id),
            path=self._path(message_id),
            secure=self._base_url.secure,
            httponly=True,
            samesite="strict",
        )

    async def _begin(self, session: Session) -> SignedIn:
        secret = self._new_secret()
        await self._store.begin(digest_of(secret), session, self._clock())
        return SignedIn(secret, session)

    async def _find(self, request: Request, cookie: str) -> SignedIn | None:
        secret = request.cookies.get(cookie, "")
        session = await self._store.session(digest_of(secret), self._clock()) if secret else None
        return None if session is None else SignedIn(secret, session)

    def _name(self, message_id: str | None) -> str:
        return f"{self._prefix}-console" if message_id is None else f"{self._prefix}-message"

    def _path(self, message_id: str | None) -> str:
        return self._base_url.path + ("/console" if message_id is None else f"/message/{message_id}")


def link_opens_nothing() -> NotFound:
    """One wording for links that never were, have expired, or belong to another message: nobody learns which."""
    return NotFound(
        "This link opens nothing, or it has expired.",
        next_step="Open the link in the e-mail that told you about the message. If it is old, ask your administrator.",
    )
