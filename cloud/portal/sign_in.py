"""The administrator's way in and out.

The link from `srx-cloud console link` shows a button, and the button signs in: what merely fetches addresses (a chat's
preview, a proxy) presses none, so it does not use the link up.
"""

from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cloud.errors import NotFound
from cloud.portal.base_url import BaseUrl
from cloud.portal.capability import ConsoleLinks
from cloud.portal.forms import own_form, require_same_origin
from cloud.portal.guesses import Guesses
from cloud.portal.pages import Pages
from cloud.portal.sessions import Sessions

log: Final = structlog.get_logger()


class SignInPages:
    """Handlers of /console/sign-in/ and /console/sign-out."""

    def __init__(
        self, links: ConsoleLinks, sessions: Sessions, guesses: Guesses, pages: Pages, base_url: BaseUrl
    ) -> None:
        self._links = links
        self._sessions = sessions
        self._guesses = guesses
        self._pages = pages
        self._base_url = base_url

    def routes(self) -> list[Route]:
        return [
            Route("/console/sign-in/{token}", self.ask, methods=["GET"]),
            Route("/console/sign-in/{token}", self.sign_in, methods=["POST"]),
            Route("/console/sign-out", self.sign_out, methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """The button, if the link is good; it stays so."""
        token = request.path_params["token"]
        if not await self._links.is_valid(token):
            raise self._wrong(request)
        return self._pages.page("sign_in.html", action=f"{self._base_url.path}/console/sign-in/{token}")

    async def sign_in(self, request: Request) -> Response:
        """Use the link up, and begin a session."""
        require_same_origin(request, self._base_url)
        realm_id = await self._links.use(request.path_params["token"])
        if realm_id is None:
            raise self._wrong(request)
        signed_in = await self._sessions.begin_for_console(realm_id)
        response = RedirectResponse(f"{self._base_url.path}/console", 303)
        self._sessions.give_cookie(response, signed_in)
        log.info("portal.signed_in", realm=realm_id)
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session here and in the table."""
        signed_in = await self._sessions.of_console(request)
        await own_form(request, signed_in, self._base_url)
        await self._sessions.end(signed_in)
        response = self._pages.page("signed_out.html")
        self._sessions.take_cookie(response, signed_in)
        log.info("portal.signed_out", realm=signed_in.realm_id)
        return response

    def _wrong(self, request: Request) -> NotFound:
        self._guesses.was_wrong(request.client.host if request.client else "")
        return NotFound(
            "This sign-in link is not valid (any more).",
            next_step="Run srx-cloud console link again: each link signs in once, within ten minutes.",
        )
