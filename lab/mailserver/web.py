"""The inboxes over HTTP, for people and for programs.

    GET  /                                          every message, as a page
    GET  /messages/NUMBER/view                      one message: its text, its links, its attachments
    GET  /messages/NUMBER/attachments/INDEX         one attachment; the first is 1
    GET  /messages                                  every message, as JSON (or of one inbox: ?to=address)
    GET  /messages?to=ADDRESS&wait=N                waits up to ten seconds until that inbox holds N messages
    GET  /messages/NUMBER                           one message, as it came (message/rfc822)

What arrived was written by anybody: pages escape all of it, run no script, and files are handed out to be saved, never shown.
"""

from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from lab.mailserver.inbox import Inboxes, Mail
from lab.mailserver.opened import opened

_WAIT_SECONDS: Final = 10.0
_TEMPLATES: Final = Path(__file__).parent / "templates"
_GUARDS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def inbox_app(inboxes: Inboxes) -> Starlette:
    """The application over these inboxes."""
    web = InboxWeb(inboxes)
    return Starlette(
        routes=[
            Route("/", web.inbox),
            Route("/messages", web.messages),
            Route("/messages/{number:int}", web.message),
            Route("/messages/{number:int}/view", web.view),
            Route("/messages/{number:int}/attachments/{index:int}", web.attachment),
        ]
    )


class InboxWeb:
    """One method a route."""

    def __init__(self, inboxes: Inboxes) -> None:
        self._inboxes = inboxes
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )

    async def inbox(self, _request: Request) -> Response:
        """The list."""
        return self._page("inbox.html", mails=self._inboxes.all()[::-1])

    async def view(self, request: Request) -> Response:
        """One message, to be read."""
        mail = self._mail(request)
        return self._page("message.html", mail=mail, opened=opened(mail.content))

    async def attachment(self, request: Request) -> Response:
        """One file, to be saved."""
        attachments = opened(self._mail(request).content).attachments
        index = int(request.path_params["index"])
        if not 1 <= index <= len(attachments):
            raise HTTPException(404, "no such attachment")
        chosen = attachments[index - 1]
        disposition = f"attachment; filename*=UTF-8''{quote(chosen.name, safe='', errors='replace')}"
        headers = {**_GUARDS, "Content-Disposition": disposition}
        return Response(chosen.content, media_type="application/octet-stream", headers=headers)

    async def messages(self, request: Request) -> Response:
        """The list for programs."""
        to = request.query_params.get("to")
        wait = _number(request.query_params.get("wait", "0"))
        if to is None:
            return JSONResponse([_summary(mail) for mail in self._inboxes.all()])
        try:
            found = await self._inboxes.wait_for(to, wait, _WAIT_SECONDS) if wait else self._inboxes.of(to)
        except TimeoutError:
            return JSONResponse({"error": f"{to} has fewer than {wait} messages"}, status_code=504)
        return JSONResponse([_summary(mail) for mail in found])

    async def message(self, request: Request) -> Response:
        """One message, byte for byte."""
        return Response(self._mail(request).content, media_type="message/rfc822", headers=_GUARDS)

    def _mail(self, request: Request) -> Mail:
        number = int(request.path_params["number"])
        found = self._inboxes.all()
        if not 1 <= number <= len(found):
            raise HTTPException(404, "no such message")
        return found[number - 1]

    def _page(self, template: str, **values: Any) -> HTMLResponse:
        return HTMLResponse(self._templates.get_template(template).render(values), headers=_GUARDS)


def _number(text: str) -> int:
    """How many messages to wait for."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise HTTPException(400, "wait is a number of messages")
    return int(text)


def _summary(mail: Mail) -> dict[str, Any]:
    return {
        "number": mail.number,
        "client": mail.client,
        "mail_from": mail.mail_from,
        "recipients": list(mail.recipients),
        "subject": mail.subject(),
        "size": len(mail.content),
    }
