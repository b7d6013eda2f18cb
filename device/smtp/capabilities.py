"""EHLO's list: what stays, what is lowered, what is withheld and why.

Whatever is relayed the session understands well enough to inspect what it brings; whatever it does not know stays hidden, since
an extension may change framing or encoding under its hands. Source: RFC 5321, section 4.1.1.1; the extensions' own RFCs.
"""

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from device.smtp.reply import Reply

RELAYED: Final = frozenset(
    b"SIZE PIPELINING 8BITMIME SMTPUTF8 CHUNKING DSN ENHANCEDSTATUSCODES AUTH DELIVERBY MT-PRIORITY "
    b"LIMITS HELP VRFY EXPN ETRN".split()
)

WITHHELD: Final = MappingProxyType(
    {
        b"BINARYMIME": "bodies without lines (RFC 3030): inspection reads lines, and DATA could not carry them on",
        b"BURL": "the content would come from elsewhere (RFC 4468), past inspection",
        b"PRDR": "a reply for each recipient (RFC draft): one message has one outcome here",
        b"XEXCH50": "binary data inside of the dialogue, framed by Exchange's own rules",
        b"XCLIENT": "the client could claim another's address",
        b"XFORWARD": "the client could claim another's address, for the log",
    }
)
"""Known and not relayed. What no table names is unknown, and withheld for that."""

CONDITIONAL: Final = MappingProxyType(
    {
        b"STARTTLS": "while both legs are plain and policy doesn't strip it (RFC 3207)",
        b"REQUIRETLS": "once both legs are encrypted and the server is verified (RFC 8689)",
    }
)
"""Relayed only then."""

LAYERED_MECHANISMS: Final = frozenset({b"GSSAPI", b"DIGEST-MD5", b"KERBEROS_V4", b"SRP"})
"""SASL mechanisms that may go on encrypted (RFC 4752, 2831; RFC 2222, section 3): withheld from AUTH's list."""

ParameterTable = MappingProxyType[bytes, bytes]
"""Parameter → the extension that brings it."""

MAIL_PARAMETERS: Final = MappingProxyType(
    {
        b"SIZE": b"SIZE",
        b"BODY": b"8BITMIME",
        b"SMTPUTF8": b"SMTPUTF8",
        b"RET": b"DSN",
        b"ENVID": b"DSN",
        b"AUTH": b"AUTH",
        b"BY": b"DELIVERBY",
        b"MT-PRIORITY": b"MT-PRIORITY",
        b"REQUIRETLS": b"REQUIRETLS",
    }
)
"""Parameter of MAIL → the extension that brings it."""

RCPT_PARAMETERS: Final = MappingProxyType({b"NOTIFY": b"DSN", b"ORCPT": b"DSN"})
"""Parameter of RCPT → the extension that brings it."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What is offered to the client: keyword → parameters, both in upper case. Empty before EHLO and after HELO."""

    offered: MappingProxyType[bytes, tuple[bytes, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def __contains__(self, keyword: bytes) -> bool:
        return keyword in self.offered

    @property
    def mechanisms(self) -> tuple[bytes, ...]:
        """AUTH's."""
        return self.offered.get(b"AUTH", ())

    def size_limit(self, ours: int) -> int:
        """The smaller of the server's limit and ours; SIZE 0 or bare means that the server has none (RFC 1870)."""
        return _lowered(self.offered.get(b"SIZE", ()), ours)

    def knows_parameter(self, parameter: bytes, table: ParameterTable) -> bool:
        """Whether a relayed extension brings that parameter of MAIL or RCPT; BODY=BINARYMIME comes from a withheld one."""
        name, _, value = parameter.upper().partition(b"=")
        return table.get(name) in self.offered and (name, value) != (b"BODY", b"BINARYMIME")


NONE: Final = Capabilities()
"""Before EHLO, and after HELO."""


def offered_of(reply: Reply, ours: int, also: frozenset[bytes] = frozenset()) -> tuple[Reply, Capabilities]:
    """EHLO's reply as the client gets it, and what it then may use.

    `ours` is our limit of a message's size, `also` what of CONDITIONAL holds.
    """
    lines, offered = [reply.lines[0]], {}
    for line in reply.lines[1:]:
        keyword, *parameters = line.upper().split() or [b""]
        kept = line if keyword in also else _kept(keyword, line, ours)
        if kept is not None:
            lines.append(kept)
            offered[keyword] = _parameters_of(keyword, parameters)
    return Reply(reply.code, tuple(lines)), Capabilities(MappingProxyType(offered))


def _kept(keyword: bytes, line: bytes, ours: int) -> bytes | None:
    """The line as it is relayed; None if it is withheld."""
    if keyword not in RELAYED:
        return None
    if keyword == b"SIZE":
        return b"SIZE %d" % _lowered(tuple(line.split()[1:]), ours)
    if keyword == b"AUTH":
        mechanisms = [each for each in line.split()[1:] if each.upper() not in LAYERED_MECHANISMS]
        return b" ".join([line.split()[0], *mechanisms]) if mechanisms else None
    return line


def _parameters_of(keyword: bytes, parameters: list[bytes]) -> tuple[bytes, ...]:
    if keyword == b"AUTH":
        return tuple(each for each in parameters if each not in LAYERED_MECHANISMS)
    return tuple(parameters)


def _lowered(parameters: tuple[bytes, ...], ours: int) -> int:
    """SIZE's parameter and ours. Twenty digits are the most that RFC 1870 allows; more than ours in any case."""
    if not parameters or not parameters[0].isdigit():
        return ours
    return min(int(parameters[0][-20:]) or ours, ours)
