"""The way back in: one SMTP connection along the realm's release route, one transaction a recipient.

The route leads through the device like any mail's. An answer says what becomes of the copy: taken (2xx to the final dot),
refused for good (5xx), or later (4xx, a broken connection, silence). A connection that breaks after the final dot counts as
later: mail is sent at least once, under the same Message-ID.
Source: RFC 5321, sections 3.1 to 3.3, 4.5.3.2 (time-outs), 4.2.1 (reply classes).
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aiosmtplib import SMTP, SMTPException, SMTPHeloError, SMTPResponseException, SMTPTimeoutError

from cloud.address import Address
from cloud.release.envelope import Letter, NeedsUtf8

_STATUS: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|\Z)")


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds for connecting, and for each reply; the final dot's may take longest."""

    connect: float = 30.0
    reply: float = 600.0


class Fate(StrEnum):
    """What becomes of a copy after one attempt."""

    TAKEN = "taken"
    REFUSED = "refused"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Answer:
    """An attempt's outcome. `reply`: code and enhanced status code, or what happened instead; never a reply's text."""

    fate: Fate
    reply: str


class RouteDown(Exception):
    """The route does not take mail now; the text says what happened, for the administrator."""


class Session:
    """An open connection that says what the server offers."""

    def __init__(self, client: SMTP) -> None:
        self._client = client
        self._offered = frozenset(client.esmtp_extensions)

    @property
    def open(self) -> bool:
        """Whether another transaction can follow."""
        return self._client.is_connected

    async def send(self, letter: Letter) -> Answer:
        """One transaction. Never raises for what the server says or does."""
        try:
            return await self._transaction(letter)
        except NeedsUtf8:
            return Answer(Fate.REFUSED, "SMTPUTF8 is needed and not offered")
        except SMTPResponseException as error:
            return await self._refused(error.code, error.message)
        except (SMTPException, OSError) as error:
            self._client.close()
            return Answer(Fate.LATER, _what_happened(error))

    async def _transaction(self, letter: Letter) -> Answer:
        mail = letter.mail_options(self._offered, len(letter.content))
        for command in (
            (b"MAIL", b"FROM:<" + letter.mail_from + b">", *mail),
            (b"RCPT", b"TO:<" + letter.recipient + b">", *letter.rcpt_options(self._offered)),
        ):
            response = await self._client.execute_command(*command)
            if not 200 <= response.code < 300:
                return await self._refused(*response)
        response = await self._client.data(letter.content)
        return Answer(Fate.TAKEN, _brief(*response))

    async def _refused(self, code: int, text: str) -> Answer:
        """What a reply other than the awaited one means; the transaction is over at both ends."""
        if not 400 <= code < 600:
            self._client.close()
            return Answer(Fate.LATER, "a reply that makes no sense")
        await self._reset()
        return Answer(Fate.REFUSED if code >= 500 else Fate.LATER, _brief(code, text))

    async def _reset(self) -> None:
        try:
            await self._client.execute_command(b"RSET")
        except (SMTPException, OSError):
            self._client.close()


@asynccontextmanager
async def connected(route: Address, host: str, timing: Timing) -> AsyncIterator[Session]:
    """A session along the route for the length of the block; `host` is our name in EHLO. Raises RouteDown.

    TLS is used where it is offered, whoever's certificate it is (RFC 7435): without it the mail would go in the clear.
    """
    client = SMTP(hostname=route.host, port=route.port, local_hostname=host, timeout=timing.reply, validate_certs=False)
    try:
        await client.connect(timeout=timing.connect)
        await _greet(client)
    except (SMTPException, OSError) as error:
        client.close()
        raise RouteDown(f"{route}: {_what_happened(error)}") from error
    try:
        yield Session(client)
    finally:
        await _leave(client)


async def _greet(client: SMTP) -> None:
    """EHLO, also after STARTTLS; HELO for a server that knows no better."""
    if client.is_ehlo_or_helo_needed:
        try:
            await client.ehlo()
        except SMTPHeloError:
            await client.helo()


async def _leave(client: SMTP) -> None:
    try:
        if client.is_connected:
            await client.execute_command(b"QUIT", timeout=5.0)
    except (SMTPException, OSError):
        pass
    finally:
        client.close()


def _what_happened(error: Exception) -> str:
    match error:
        case SMTPResponseException():
            return _brief(error.code, error.message)
        case SMTPTimeoutError() | TimeoutError():
            return "no answer in time"
        case ConnectionRefusedError():
            return "nobody listens there"
        case _:
            return "nobody listens there" if isinstance(error.__cause__, ConnectionRefusedError) else "connection lost"


def _brief(code: int, text: str) -> str:
    status = _STATUS.match(text)
    return f"{code} {status[0]}" if status else str(code)
