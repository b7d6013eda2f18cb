"""Allowlist and blocklist entries: what an administrator may write, and the one form in which they are kept and compared.

    alice@example.com     that address
    *@example.com         everyone there; example.com alone means the same; subdomains are not meant
    <>                    the null path, and nothing else

Local parts are case-folded, domains are lower-case A-labels (IDNA 2008 after UTS 46 mapping), so "Ä@Bücher.example" and
"ä@xn--bcher-kva.example" are one entry. Sources: RFC 5321, section 4.1.2 (Mailbox) and 4.5.3.1 (sizes); RFC 6531, section 3.3.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import idna

from cloud.errors import InvalidRequest

MAX_ENTRIES: Final = 100_000
"""Entries a list: some 5 MB of memory at each device, far beyond what people keep by hand."""

NULL_PATH: Final = "<>"

_LOCAL_OCTETS: Final = 64
_DOMAIN_OCTETS: Final = 253
_ATOMS: Final = re.compile(r"[\w!#$%&'+/=?^`{|}~-]+(?:\.[\w!#$%&'+/=?^`{|}~-]+)*")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_LITERAL: Final = re.compile(r"\[(?:ipv6:)?[0-9a-f:.]+\]", re.IGNORECASE)
_ASCII_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_SHOWN: Final = 3


class ListName(StrEnum):
    """Which of the two lists; allow goes before block."""

    ALLOW = "allow"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Lists:
    """Both lists of a realm, each in alphabetical order."""

    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()

    def named(self, name: ListName) -> tuple[str, ...]:
        """One of the two."""
        return self.allow if name is ListName.ALLOW else self.block


class NotAnEntry(ValueError):
    """The text can't stand on a list; the message says why."""


def normalised(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Each entry in the form in which it is kept, without repetitions. Raises InvalidRequest that names the bad ones."""
    kept: dict[str, None] = {}
    wrong: list[str] = []
    for entry in entries:
        try:
            kept[normal_form(entry)] = None
        except NotAnEntry as error:
            wrong.append(f"{entry!r}: {error}")
    if wrong:
        raise _refusal(wrong)
    return tuple(kept)


def normal_form(entry: str) -> str:
    """The form in which an entry is kept; it is its own normal form. Raises NotAnEntry."""
    text = entry.strip()
    if text == NULL_PATH:
        return NULL_PATH
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    local, at, domain = text.rpartition("@")
    if not at or local == "*":
        return f"*@{domain_name(domain)}"
    return f"{_local_part(local)}@{domain_name(domain)}"


def domain_name(text: str) -> str:
    """A domain in lower-case A-labels, or an address literal. Raises NotAnEntry."""
    if _LITERAL.fullmatch(text) is not None:
        return _address_literal(text)
    if not text or "*" in text:
        raise NotAnEntry("subdomains can't be meant by a pattern; list each domain" if text else "no domain is named")
    name = _ascii_domain(text.removesuffix("."))
    if len(name) > _DOMAIN_OCTETS or not all(_ASCII_LABEL.fullmatch(label) for label in name.split(".")):
        raise NotAnEntry("that is no domain name")
    return name


def _local_part(text: str) -> str:
    if not text:
        raise NotAnEntry("nothing stands before the @; for a whole domain write *@domain")
    if "*" in text:
        raise NotAnEntry("* stands for everyone at a domain alone: *@domain")
    if _QUOTED.fullmatch(text) is not None and text.isprintable():
        text = _unquoted(text)
    elif _ATOMS.fullmatch(text) is None:
        raise NotAnEntry("what stands before the @ is no local part of an address")
    folded = text.casefold()
    if len(folded.encode()) > _LOCAL_OCTETS:
        raise NotAnEntry(f"more than {_LOCAL_OCTETS} octets stand before the @")
    return folded


def _unquoted(text: str) -> str:
    """A quoted string that needs no quotes is the same address without them (RFC 5321, section 4.1.2)."""
    inner = re.sub(r"\\(.)", r"\1", text[1:-1])
    return inner if _ATOMS.fullmatch(inner) is not None else text


def _ascii_domain(text: str) -> str:
    """Lower-case A-labels. What is ASCII stays, since idna refuses the underscores that some real mail domains have."""
    if text.isascii():
        return text.lower()
    try:
        return idna.encode(text, uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise NotAnEntry("the domain can't be written in A-labels (IDNA 2008)") from error


def _address_literal(text: str) -> str:
    """An address in brackets (RFC 5321, section 4.1.3), in its canonical spelling."""
    inner = text[1:-1].lower()
    try:
        if inner.startswith("ipv6:"):
            return f"[ipv6:{IPv6Address(inner.removeprefix('ipv6:'))}]"
        return f"[{IPv4Address(inner)}]"
    except ValueError as error:
        raise NotAnEntry("in brackets an IP address is expected: [192.0.2.1] or [IPv6:2001:db8::1]") from error


def _refusal(wrong: list[str]) -> InvalidRequest:
    more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    return InvalidRequest(
        f"{'; '.join(wrong[:_SHOWN])}{more}",
        next_step="An entry is an address, *@domain, a domain, or <>. Nothing was changed.",
    )
