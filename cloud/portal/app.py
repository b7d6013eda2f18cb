"""The portal as one ASGI application: which page answers which path, and how errors become pages."""

from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from cloud.clock import Clock, NewId
from cloud.errors import CloudError, NotFound
from cloud.portal.administrator import ConsolePages
from cloud.portal.base_url import BaseUrl
from cloud.portal.boundary import Boundary
from cloud.portal.capability import ConsoleLinks, Links, NewSecret, random_secret
from cloud.portal.guesses import Guesses
from cloud.portal.needs import BlockSender, Custody, Realms, ReleasePassword, Releases
from cloud.portal.pages import STATIC, Pages
from cloud.portal.recipient import RecipientPages
from cloud.portal.sessions import Sessions
from cloud.portal.sign_in import SignInPages
from cloud.portal.viewing import Viewing
from cloud.storage.links import LinkStore
from cloud.storage.sessions import SessionStore

log: Final = structlog.get_logger()

_WORDS: Final = {
    404: ("There is no such page.", "Check the address, or open the link in the e-mail again."),
    405: ("This address takes no such request.", "Use the buttons on the page."),
}
_OTHER_WORDS: Final = ("This request can't be answered.", "Go back and try again.")


def make_app(
    *,
    custody: Custody,
    realms: Realms,
    links: LinkStore,
    sessions: SessionStore,
    base_url: BaseUrl,
    clock: Clock,
    new_id: NewId,
    new_secret: NewSecret = random_secret,
    releases: Releases | None = None,
    block_sender: BlockSender | None = None,
    release_password: ReleasePassword | None = None,
) -> Starlette:
    """Wire the portal. What is left out is not on the pages: a release's progress, the button that blocks, the password."""
    pages = Pages(base_url)
    plain = _PlainPages(pages, base_url)
    viewing = Viewing(custody, realms)
    guesses = Guesses(clock)
    signed_in = Sessions(sessions, base_url, clock=clock, new_secret=new_secret)
    recipient = RecipientPages(
        viewing,
        Links(links, base_url, clock=clock),
        signed_in,
        guesses,
        pages,
        base_url,
        releases=releases,
        release_password=release_password,
    )
    sign_in = SignInPages(ConsoleLinks(links, base_url, clock=clock), signed_in, guesses, pages, base_url)
    console = ConsolePages(viewing, signed_in, pages, base_url, releases=releases, block_sender=block_sender)
    routes = [
        Route("/", plain.front),
        *recipient.routes(),
        *sign_in.routes(),
        *console.routes(),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    app = Starlette(
        routes=_under(base_url.path, routes),
        middleware=[Middleware(Boundary, base_url=base_url, pages=pages, new_id=new_id)],
        exception_handlers={CloudError: plain.cloud_error, HTTPException: plain.http_error},
    )
    app.router.redirect_slashes = False  # it would build an address from what the client sent
    return app


def _under(path: str, routes: list[BaseRoute]) -> list[BaseRoute]:
    return [Mount(path, routes=routes)] if path else routes


class _PlainPages:
    """Pages that belong to nobody: the front door, and errors."""

    def __init__(self, pages: Pages, base_url: BaseUrl) -> None:
        self._pages = pages
        self._list = f"{base_url.path}/console"

    async def front(self, _request: Request) -> Response:
        """Says where the doors are."""
        return self._pages.page("front.html")

    async def cloud_error(self, request: Request, error: Exception) -> Response:
        """An error of ours: its sentence for the person, its reason and fields for the log."""
        assert isinstance(error, CloudError)
        route = getattr(request.scope.get("route"), "path", "")
        client = request.client.host if request.client else ""
        log.info(
            "portal.refused",
            status=error.http_status,
            why=type(error).__name__,
            path=route,
            client=client,
            **error.fields,
        )
        is_lost = isinstance(error, NotFound) and request.url.path.startswith(f"{self._list}/messages/")
        return self._pages.error(error, way_back=self._list if is_lost else "")

    async def http_error(self, _request: Request, error: Exception) -> Response:
        """An error of the framework's: no such path, no such method."""
        assert isinstance(error, HTTPException)
        sentence, next_step = _WORDS.get(error.status_code, _OTHER_WORDS)
        page = self._pages.problem(error.status_code, sentence, next_step)
        page.headers.update(error.headers or {})
        return page
