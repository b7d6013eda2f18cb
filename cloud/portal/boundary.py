"""The portal's outer wall: every request passes it on the way in, every answer on the way out.

In: the Host that the settings name, and nothing else; no WebSocket. Whoever asks for this machine under another of its names
is led to the one in the settings, and the style sheet is served under any name, so that errors look like pages. Out: headers
that take a page's power to run, load, frame, leak or be kept; and instead of a traceback a page with an id that stands in the
log too.

There is no script-src: the portal shows what attackers wrote, so it has no script of its own either, and needs none.
"""

from typing import Final
from urllib.parse import quote

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.clock import NewId
from cloud.portal.base_url import BaseUrl
from cloud.portal.pages import Pages

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}
_PRIVATE: Final = {"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin"}
# The style sheet is no secret, and the message's frame (a sandbox, so of no origin at all) loads it too.
_PUBLIC: Final = {"Cache-Control": "public, max-age=3600", "Cross-Origin-Resource-Policy": "cross-origin"}
_ONLY_HTTPS: Final = {"Strict-Transport-Security": "max-age=31536000"}

log: Final = structlog.get_logger()


class Boundary:
    """ASGI middleware: the outermost of ours."""

    def __init__(self, app: ASGIApp, *, base_url: BaseUrl, pages: Pages, new_id: NewId) -> None:
        self._app = app
        self._base_url = base_url
        self._pages = pages
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._answer(scope, receive, _Protected(send, self._headers(scope["path"])))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: "_Protected") -> None:
        try:
            await self._for(self._host(scope), scope)(scope, receive, send)
        except ClientDisconnect:
            log.info("portal.client_left", path=_route(scope))
        except Exception as error:  # noqa: BLE001 - the request's boundary: what nobody foresaw becomes a page with an id
            await self._failed(error, scope, receive, send)

    def _host(self, scope: Scope) -> str:
        """The Host that the client names, as the settings would write it; empty where it names none, or several."""
        hosts = Headers(scope=scope).getlist("host")
        return hosts[0].lower().removesuffix(":443" if self._base_url.secure else ":80") if len(hosts) == 1 else ""

    def _for(self, host: str, scope: Scope) -> ASGIApp:
        """Who answers a client that asks for that host."""
        if host == self._base_url.authority or self._is_public(scope["path"]):
            return self._app
        if host in self._base_url.aliases and scope["method"] in ("GET", "HEAD"):
            return RedirectResponse(f"{self._base_url.origin}{_target(scope)}", 307)
        return self._other_host()

    def _is_public(self, path: str) -> bool:
        return path.startswith(f"{self._base_url.path}/static/")

    def _other_host(self) -> ASGIApp:
        return self._pages.problem(
            421,
            "This portal is not reached under that name.",
            "Use the address in the e-mail. A reverse proxy in front must pass the Host header on as it came.",
        )

    async def _failed(self, error: Exception, scope: Scope, receive: Receive, send: "_Protected") -> None:
        """The error's text may quote a message, so the log has its kind and place alone."""
        incident = self._new_id("incident")
        log.error("portal.failed", incident=incident, path=_route(scope), error=type(error).__name__, at=_place(error))
        if not send.has_started:
            page = self._pages.problem(
                500, "Something went wrong here.", f"Try again; if it stays so, tell your administrator: {incident}."
            )
            await page(scope, receive, send)

    def _headers(self, path: str) -> dict[str, str]:
        kept = _PUBLIC if self._is_public(path) else _PRIVATE
        return {**_HEADERS, **kept, **(_ONLY_HTTPS if self._base_url.secure else {})}


class _Protected:
    """A send() that puts the headers on, over whatever an inner part may have set."""

    def __init__(self, send: Send, headers: dict[str, str]) -> None:
        self._send = send
        self._headers = headers
        self.has_started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_started = True
            MutableHeaders(scope=message).update(self._headers)
        await self._send(message)


def _target(scope: Scope) -> str:
    """Path and query as the client sent them."""
    path = quote(scope["path"])
    query = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _route(scope: Scope) -> str:
    """The route as it is written in app.py: a real path may hold a token."""
    return str(getattr(scope.get("route"), "path", "unknown"))


def _place(error: Exception) -> str:
    """File and line where the error came from."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
