"""Addresses in header fields and envelopes, and how they compare.

Read tolerantly, for what people see; `sound` says whether the whole of it was understood: nothing that lets mail pass may rest on
an address list that was not.
Source: RFC 5322, sections 3.4 and 4.4; RFC 6532 for UTF-8; RFC 5321, section 4.1.2 for paths; RFC 5890 for A-labels.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

import idna

from device.message import words
from device.message.fields import unfolded
from device.message.parameters import without_comments

LONGEST: Final = 65_536
"""Bytes of one field that are read; a longer one is not sound."""

_REMEMBERED: Final = 1024
"""Values that are kept; with _MOST_REMEMBERED, about a megabyte at the most."""
_MOST_REMEMBERED: Final = 256
"""Bytes of one field; longer ones are rare, and would let senders fill memory."""
_TOKEN: Final = re.compile(
    rb'\s*+(?:("(?:[^"\\]|\\.)*+"?)|(\[[^\]]*+\]?)|([<>,;:@])|([^\s"\[\]<>,;:@]++)|(.))', re.DOTALL
)
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox: the local part without quotes, the domain in lower case with A-labels, and the name to show beside it."""

    local: str
    domain: str
    display: str = ""

    @property
    def folded(self) -> str:
        """What compares equal for the same mailbox: case-folded, composed."""
        return f"{_folded(self.local)}@{self.domain}"


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """The addresses of a field in order, groups taken apart; `sound` where nothing in it was left over."""

    addresses: tuple[Address, ...]
    sound: bool


def mailboxes(value: bytes) -> Mailboxes:
    """Read From, To, Cc, Sender and their like. Nothing is an error.

    The same people write to the same people, so short values are read once and remembered.
    """
    return _remembered(value) if len(value) <= _MOST_REMEMBERED else _read(value)


def _read(value: bytes) -> Mailboxes:
    line = unfolded(value)
    tokens = _tokens(without_comments(line[:LONGEST]))
    entries = [_entry(tuple(entry)) for entry in _split(tokens)]
    addresses = tuple(address for found, _ in entries for address in found)
    sound = len(line) <= LONGEST and b"\0" not in line and all(understood for _, understood in entries)
    return Mailboxes(addresses, sound)


_remembered = lru_cache(_REMEMBERED)(_read)


def path_address(path: bytes) -> Address | None:
    """The address of an envelope path, without angle brackets; None for the null path and for what has no domain."""
    if path.startswith(b"@"):
        path = path.partition(b":")[2]
    local, at, domain = path.rpartition(b"@")
    return _address(local, domain) if at else None


def folded_domain(domain: str) -> str:
    """A domain as it compares: lower case, A-labels, without a last dot; what is no host name stays as it is, case-folded."""
    bare = unicodedata.normalize("NFC", domain.strip()).rstrip(".")
    if bare.isascii():
        return bare.lower()
    try:
        return idna.encode(bare, uts46=True, transitional=False).decode("ascii").lower()
    except idna.IDNAError:
        return bare.casefold()


def folded_address(text: str) -> str:
    """An address of a list or a setting as it compares; text without a domain is case-folded."""
    local, at, domain = text.strip().rpartition("@")
    return f"{_folded(_unquoted_text(local))}@{folded_domain(domain)}" if at else _folded(text.strip())


@dataclass(frozen=True, slots=True)
class _Token:
    """A piece of an address list: a word (quotes gone), a domain literal, or one of `<>,;:@`."""

    content: bytes
    special: bool = False
    quoted: bool = False


def _tokens(line: bytes) -> Iterator[_Token]:
    for quoted, literal, special, atom, other in _TOKEN.findall(line):
        if quoted:
            yield _Token(_ESCAPE.sub(rb"\1", quoted[1:].removesuffix(b'"')), quoted=True)
        elif special:
            yield _Token(special, special=True)
        elif literal or atom or other.strip():
            yield _Token(literal or atom or other)


def _split(tokens: Iterable[_Token]) -> Iterator[list[_Token]]:
    """The entries between commas; a group's name and its semicolon fall away."""
    entry: list[_Token] = []
    angle = False
    for token in tokens:
        sign = token.content if token.special else b""
        angle = (angle or sign == b"<") and sign != b">"
        if sign in (b",", b";") and not angle:
            if entry:
                yield entry
            entry = []
        elif sign == b":" and not angle and all(not each.special for each in entry):
            entry = []
        else:
            entry.append(token)
    if entry:
        yield entry


def _entry(tokens: tuple[_Token, ...]) -> tuple[tuple[Address, ...], bool]:
    """The addresses of one entry, and whether it was understood: `name <address>` or a bare address, nothing behind it."""
    opened = [index for index, token in enumerate(tokens) if token.special and token.content == b"<"]
    if not opened:
        address, understood = _bare(tokens)
        return ((address,), understood) if address else ((), False)
    display = words.decoded(b" ".join(token.content for token in tokens[: opened[0]])).strip()
    found: list[Address] = []
    understood = len(opened) == 1
    for start, stop in zip(opened, [*opened[1:], len(tokens)], strict=True):
        address, clean = _angle(tokens[start + 1 : stop], display)
        found += [address] if address else []
        understood = understood and clean and address is not None
    return tuple(found), understood


def _angle(tokens: tuple[_Token, ...], display: str) -> tuple[Address | None, bool]:
    """What stands behind `<`; a source route before the address is passed over (RFC 5322, section 4.4)."""
    closed = [index for index, token in enumerate(tokens) if token.special and token.content == b">"]
    inner = tokens[: closed[0]] if closed else tokens
    route = [index for index, token in enumerate(inner) if token.special and token.content == b":"]
    address, understood = _bare(inner[route[-1] + 1 :] if route else inner)
    named = None if address is None else Address(address.local, address.domain, display)
    return named, understood and len(closed) == 1 and closed[0] == len(tokens) - 1


def _bare(tokens: tuple[_Token, ...]) -> tuple[Address | None, bool]:
    """local@domain; white space in it is obsolete and allowed around dots and the sign (RFC 5322, section 4.4)."""
    signs = [index for index, token in enumerate(tokens) if token.special and token.content == b"@"]
    if not signs:
        return None, False
    before, behind = tokens[: signs[-1]], tokens[signs[-1] + 1 :]
    address = _address(b"".join(each.content for each in before), b"".join(each.content for each in behind))
    understood = len(signs) == 1 and _one_word(before) and _one_word(behind)
    return address, understood and address is not None


def _one_word(tokens: tuple[_Token, ...]) -> bool:
    """Whether tokens make one word: neighbours are joined by dots alone."""
    joined = all(left.content.endswith(b".") or right.content.startswith(b".") for left, right in pairwise(tokens))
    return bool(tokens) and joined and not any(token.special for token in tokens)


def _address(local: bytes, domain: bytes) -> Address | None:
    if not local or not domain.strip():
        return None
    return Address(_unquoted_text(words.text(local, "utf-8")), folded_domain(words.text(domain, "utf-8")))


def _unquoted_text(local: str) -> str:
    """A local part without quotes: "john"@example.com and john@example.com are one mailbox (RFC 5321, section 4.1.2)."""
    if len(local) > 1 and local.startswith('"') and local.endswith('"'):
        return re.sub(r"\\(.)", r"\1", local[1:-1])
    return local


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
