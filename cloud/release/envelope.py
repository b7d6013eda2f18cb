"""The envelope of a message that we send: the stored one's ESMTP parameters, as far as the next server offers their extension.

    parameter          kept where                    else
    -----------------  ----------------------------  ------------------------------------------------------------
    SMTPUTF8           offered                       left out; where envelope or header need it, refused for good
    BODY=8BITMIME      8BITMIME is offered           left out: bodies are 7-bit (BINARYMIME is never kept)
    RET, ENVID         DSN is offered                left out
    NOTIFY, ORCPT      DSN is offered                left out
    SIZE               SIZE is offered: the new one  left out
    anything else      never: it was between the client and its server

Source: RFC 1870, RFC 3461, RFC 6152, RFC 6531.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_OF_EXTENSION: Final = {b"ret": "dsn", b"envid": "dsn", b"notify": "dsn", b"orcpt": "dsn", b"smtputf8": "smtputf8"}


class NeedsUtf8(ValueError):
    """The message can't go through a server without SMTPUTF8 (RFC 6531, section 3.2)."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message with its envelope. Paths are without brackets; parameters as the client gave them."""

    mail_from: bytes
    recipient: bytes
    content: bytes
    mail_parameters: tuple[bytes, ...] = ()
    rcpt_parameters: tuple[bytes, ...] = ()

    def mail_options(self, offered: frozenset[str], size: int) -> list[bytes]:
        """Parameters of MAIL. Raises NeedsUtf8."""
        if self._needs_utf8 and "smtputf8" not in offered:
            raise NeedsUtf8
        sized = [b"SIZE=%d" % size] if "size" in offered else []
        return [*sized, *(each for each in self.mail_parameters if _goes(each, offered))]

    def rcpt_options(self, offered: frozenset[str]) -> list[bytes]:
        """Parameters of RCPT."""
        return [each for each in self.rcpt_parameters if _goes(each, offered)]

    @property
    def _needs_utf8(self) -> bool:
        """Whether SMTPUTF8 was asked for with reason; 8-bit headers without it went through servers before, and may again."""
        header = self.content.partition(b"\r\n\r\n")[0]
        plain = self.mail_from.isascii() and self.recipient.isascii() and header.isascii()
        return not plain and b"smtputf8" in _names(self.mail_parameters)


def _goes(parameter: bytes, offered: frozenset[str]) -> bool:
    name, _, value = parameter.partition(b"=")
    if name.lower() == b"body":
        return value.upper() == b"8BITMIME" and "8bitmime" in offered
    return _OF_EXTENSION.get(name.lower()) in offered


def _names(parameters: Iterable[bytes]) -> set[bytes]:
    return {each.partition(b"=")[0].lower() for each in parameters}
