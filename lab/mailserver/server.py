"""A mail server to look into: aiosmtpd in front, inboxes behind, and HTTP to read them (web.py).

Recipients whose local part starts with "refuse" get 550, with "later" 451: mail servers do both.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import Any, Final

from aiosmtpd.smtp import SMTP, Envelope, Session

from cloud.address import Address
from lab.mailserver.inbox import Inboxes, Mail
from lab.mailserver.web import inbox_app
from lab.serving import bound, serving_http, serving_streams

MAX_MESSAGE: Final = 50 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class MailServer:
    """A running server: where it takes mail, where it shows it, and the inboxes themselves."""

    smtp: Address
    http: Address
    inboxes: Inboxes


@asynccontextmanager
async def mail_server(smtp: Address, http: Address) -> AsyncIterator[MailServer]:
    """Serve until the block ends; port 0 takes a free one."""
    inboxes = Inboxes()
    with closing(bound(smtp)) as smtp_socket, closing(bound(http)) as http_socket:
        async with (
            serving_streams(lambda: _smtp(inboxes), smtp_socket) as smtp_address,
            serving_http(inbox_app(inboxes), http_socket) as http_address,
        ):
            yield MailServer(smtp_address, http_address, inboxes)


def _smtp(inboxes: Inboxes) -> SMTP:
    return SMTP(
        Keeper(inboxes),
        hostname="mail.example.net",
        ident="srxlab mail server",
        enable_SMTPUTF8=True,
        data_size_limit=MAX_MESSAGE,
    )


class Keeper:
    """aiosmtpd's handler: takes every message, refuses the recipients that ask for it."""

    def __init__(self, inboxes: Inboxes) -> None:
        self._inboxes = inboxes

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Accept, but for the two kinds of recipients of the module's docstring."""
        if address.startswith("refuse"):
            return "550 5.1.1 No such user here"
        if address.startswith("later"):
            return "451 4.2.1 Mailbox busy, try again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient fine"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the message."""
        content = envelope.original_content or b""
        mail = await self._inboxes.add(
            lambda number: Mail(
                number=number,
                client=_client(session),
                mail_from=envelope.mail_from or "",
                recipients=tuple(envelope.rcpt_tos),
                parameters=tuple(envelope.mail_options or ()),
                content=content,
            )
        )
        return f"250 2.0.0 Taken as {mail.number}"


def _client(session: Session) -> str:
    peer: Any = session.peer
    return f"{peer[0]}:{peer[1]}"
