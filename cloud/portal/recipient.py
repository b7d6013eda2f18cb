"""The recipient's pages: follow the link, look, decide.

1. GET /m/TOKEN        the link is exchanged for a cookie; mail scanners do this too, so nothing happens to the message
2. GET /message/ID     what is held, and the buttons that the realm and the moment allow
3. POST /message/ID/…  one act; the first counts for all recipients, and the page after it says what has become of it
"""

from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cloud.errors import Conflict, NotFound
from cloud.portal.base_url import BaseUrl
from cloud.portal.capability import Links
from cloud.portal.forms import own_form
from cloud.portal.guesses import Guesses
from cloud.portal.needs import ReleasePassword, Releases
from cloud.portal.pages import Pages
from cloud.portal.sessions import Sessions, SignedIn, link_opens_nothing
from cloud.portal.viewing import Look, Viewing
from cloud.quarantine.held import HeldMessage
from cloud.quarantine.lifecycle import Act, Actor, ActorKind, State

log: Final = structlog.get_logger()

_HAS_PASSWORD: Final = (State.SENDING, State.RELEASED)
"""While some copies are still on their way, others have arrived."""


class RecipientPages:
    """Handlers of everything under /m/ and /message/."""

    def __init__(
        self,
        viewing: Viewing,
        links: Links,
        sessions: Sessions,
        guesses: Guesses,
        pages: Pages,
        base_url: BaseUrl,
        *,
        releases: Releases | None,
        release_password: ReleasePassword | None,
    ) -> None:
        self._viewing = viewing
        self._links = links
        self._sessions = sessions
        self._guesses = guesses
        self._pages = pages
        self._base_url = base_url
        self._releases = releases
        self._release_password = release_password

    def routes(self) -> list[Route]:
        """In the order in which a recipient meets them."""
        return [
            Route("/m/{token}", self.follow),
            Route("/message/{message_id}", self.show),
            Route("/message/{message_id}/{act}", self.act, methods=["POST"]),
        ]

    async def follow(self, request: Request) -> Response:
        """A page that sets the cookie and goes on by itself.

        The next request then comes from this site's own page, so it carries a strict cookie; one that a webmail's page was
        redirected into would not.
        """
        link = await self._links.opened(request.path_params["token"])
        if link is None:
            self._guesses.was_wrong(request.client.host if request.client else "")
            raise link_opens_nothing()
        response = self._pages.page("entry.html", message_id=link.message_id)
        if request.method == "GET":
            signed_in = await self._sessions.begin_for_message(link)
            self._sessions.give_cookie(response, signed_in)
            log.info("portal.link_opened", realm=link.realm_id, message=link.message_id)
        return response

    async def show(self, request: Request) -> Response:
        """The message as it stands."""
        message_id = request.path_params["message_id"]
        signed_in = await self._sessions.of_message(request, message_id)
        return await self._page(signed_in, message_id)

    async def act(self, request: Request) -> Response:
        """Release, delete or request; then back to the page, so that a reload repeats nothing."""
        message_id = request.path_params["message_id"]
        signed_in = await self._sessions.of_message(request, message_id)
        await own_form(request, signed_in, self._base_url)
        act = act_named(request.path_params["act"])
        try:
            held = await self._viewing.custody.get(signed_in.realm_id, message_id)
            await self._viewing.custody.act(signed_in.realm_id, message_id, act, _actor(held))
        except Conflict:
            return await self._page(signed_in, message_id, was_late=True)
        except NotFound:
            raise link_opens_nothing() from None
        log.info("portal.acted", realm=signed_in.realm_id, message=message_id, act=act.value, by="recipient")
        return RedirectResponse(f"{self._base_url.path}/message/{message_id}", 303)

    async def _page(self, signed_in: SignedIn, message_id: str, *, was_late: bool = False) -> Response:
        try:
            look = await self._viewing.look(signed_in.realm_id, message_id, ActorKind.RECIPIENT)
        except NotFound:
            raise link_opens_nothing() from None
        return self._pages.page(
            "recipient.html",
            409 if was_late else 200,
            look=look,
            was_late=was_late,
            form_token=signed_in.form_token,
            action=f"{self._base_url.path}/message/{message_id}",
            password=await self._password(look),
            is_waiting=await self._is_waiting(look),
        )

    async def _is_waiting(self, look: Look) -> bool:
        """Whether the release does not go on; why, is for the administrator."""
        if self._releases is None or look.held.state is not State.SENDING:
            return False
        progress = await self._releases.latest(look.realm.id, look.held.id)
        return progress is not None and progress.release.problem != ""

    async def _password(self, look: Look) -> str | None:
        if self._release_password is None or not look.realm.settings.password_on_portal:
            return None
        return await self._release_password(look.realm.id, look.held.id) if look.held.state in _HAS_PASSWORD else None


def act_named(name: str) -> Act:
    """The act that a path names. Raises NotFound."""
    try:
        return Act(name)
    except ValueError:
        raise NotFound("There is no such page.") from None


def _actor(held: HeldMessage) -> Actor:
    """All recipients hold the same link: only where there is one is it known who acts."""
    return Actor(ActorKind.RECIPIENT, held.recipients[0] if len(held.recipients) == 1 else "")
