"""Inboxes: what arrived, for whom, byte for byte as it came."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from email.parser import BytesHeaderParser

from lab.mailserver.opened import decoded


@dataclass(frozen=True, slots=True)
class Mail:
    """One message as the server took it: its envelope and its bytes (CRLF, dot-stuffing undone)."""

    number: int
    client: str
    mail_from: str
    recipients: tuple[str, ...]
    parameters: tuple[str, ...]
    content: bytes

    def subject(self) -> str:
        """The decoded subject, for lists."""
        return decoded(BytesHeaderParser().parsebytes(self.content)["Subject"])


class Inboxes:
    """Every message of one server, in order of arrival."""

    def __init__(self) -> None:
        self._mails: list[Mail] = []
        self._arrived = asyncio.Condition()

    async def add(self, make: Callable[[int], Mail]) -> Mail:
        """Keep the message that make(number) gives, and wake whoever waits."""
        async with self._arrived:
            mail = make(len(self._mails) + 1)
            self._mails.append(mail)
            self._arrived.notify_all()
        return mail

    def all(self) -> tuple[Mail, ...]:
        """Everything so far."""
        return tuple(self._mails)

    def of(self, address: str) -> tuple[Mail, ...]:
        """What came for one recipient; case does not matter."""
        return tuple(mail for mail in self._mails if address.lower() in (each.lower() for each in mail.recipients))

    async def wait_for(self, address: str, count: int, seconds: float) -> tuple[Mail, ...]:
        """What came for a recipient, once it is at least `count` messages. Raises TimeoutError."""
        async with asyncio.timeout(seconds), self._arrived:
            await self._arrived.wait_for(lambda: len(self.of(address)) >= count)
        return self.of(address)
