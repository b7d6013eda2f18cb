"""Values with parameters (Content-Type, Content-Disposition), read in every way in which readers read them.

Source: RFC 2045, section 5.1; RFC 2231 for continuations and charsets. Encoded words in parameters are forbidden (RFC 2047,
section 5) and common.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from device.message import words
from device.message.fields import unfolded
from device.message.limits import Limit, LimitExceeded

# Possessive: a quote that never closes runs to the end, once; nothing is tried again, so time stays linear.
_STRING: Final = rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)'
_TOKEN: Final = re.compile(_STRING + rb'|\\.|[()]|[^"\\()]++|.', re.DOTALL)
_PIECE: Final = re.compile(rb'(?:[^;"]++|' + _STRING + rb")++", re.DOTALL)
_SURE_ESCAPE: Final = re.compile(rb'\\(["\\])')
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)
_QUOTED: Final = re.compile(rb'"((?:[^"\\]|\\.)*+)(?:"|\\?\Z)', re.DOTALL)
_SECTION: Final = re.compile(rb"([^*]+)(?:\*(\d{1,4}))?(\*?)\Z")
_BARE_VALUE: Final = re.compile(rb'[^\s;"]+')
_TOKEN_VALUE: Final = re.compile(rb"[^\x00-\x20\x7f-\xff()<>@,;:\\\"/\[\]?=]+")
_ALONE: Final = re.compile(rb'[^"\\()=?\0]*;\s*([\w-]+)="([^"\\()?\0\s]+)"\s*', re.ASCII)
"""The only parameter, quoted, and nothing in it that readers take differently."""
_MOST_WAYS: Final = 16
_LONGEST: Final = 4096


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name in lower case, and its value as it stands there (quotes and all)."""

    name: bytes
    raw: bytes

    @property
    def value(self) -> bytes:
        """The value without quotes and escapes; other backslashes stay, since Windows' writers put whole paths here."""
        quoted = _QUOTED.match(self.raw)
        return _SURE_ESCAPE.sub(rb"\1", quoted[1]) if quoted else self.raw.strip()


@dataclass(frozen=True, slots=True)
class Parameterised:
    """What stands before the first semicolon, and the parameters in order, repeated ones included."""

    main: bytes
    parameters: tuple[Parameter, ...]

    def first(self, name: bytes) -> bytes:
        """The first plain parameter of that name; empty without one."""
        return next((each.value for each in self.parameters if each.name == name), b"")

    def text(self, name: bytes) -> tuple[str, ...]:
        """Every way to read a parameter as text: extended (RFC 2231) first, then plain ones with encoded words decoded."""
        if not self.parameters:
            return ()
        extended = _extended(self.parameters, name)
        plain = tuple([words.display(each.value) for each in self.parameters if each.name == name])
        return (extended, *plain) if extended else plain


def parse(value: bytes) -> Parameterised:
    """Read a value; comments go, folding goes, nothing is an error."""
    pieces = [match[0].strip() for match in _PIECE.finditer(without_comments(unfolded(value)))]
    main = pieces[0] if pieces and b"=" not in pieces[0].partition(b" ")[0] else b""
    found = [_parameter(piece) for piece in pieces]
    return Parameterised(main, tuple(each for each in found if each is not None))


def without_comments(value: bytes) -> bytes:
    """A value without comments in parentheses; a parenthesis that never closes is none (RFC 5322, section 3.2.2)."""
    if b"(" not in value:
        return value
    kept: list[bytes] = []
    opened: list[int] = []
    for match in _TOKEN.finditer(value):
        token = match[0]
        if token == b"(":
            opened.append(len(kept))
            kept.append(token)
        elif token == b")" and opened:
            start = opened.pop()
            kept[start:] = [b" "] if not opened else [b""]
        else:
            kept.append(token)
    return b"".join(kept)


def ways_to_read(value: bytes, name: bytes) -> tuple[bytes, ...]:
    """Every value that some reader may take for the parameter, the one that RFC 2045 means first.

    Several of the name, quotes that never close, comments taken for text, blanks, what follows a quoted string, RFC 2231 and
    RFC 2047, NUL, and a search that does not care where the parameter stands. Raises LimitExceeded for more than sixteen.
    """
    line = unfolded(value)
    alone = _ALONE.fullmatch(line)
    if alone is not None and alone[1].lower() == name and line.lower().count(name) == 1:
        return (alone[2],)
    parameters = parse(value).parameters
    ways = dict.fromkeys(_extended_ways(parameters, name))
    for raw in _raw_values(line, parameters, name):
        ways.update(dict.fromkeys(_ways_of(raw)))
    found = tuple(way for way in ways if way)
    if len(found) > _MOST_WAYS:
        raise LimitExceeded(Limit.READINGS)
    return found


def _raw_values(line: bytes, parameters: tuple[Parameter, ...], name: bytes) -> list[bytes]:
    """Where a value may begin; it may run on to the end of the field."""
    naive = list(re.finditer(re.escape(name) + rb"\s*=", line, re.IGNORECASE))
    raws = [each.raw for each in parameters if each.name == name]
    if len(naive) > _MOST_WAYS or len(raws) > _MOST_WAYS:
        raise LimitExceeded(Limit.READINGS)
    return raws + [line[found.end() : found.end() + _LONGEST].lstrip() for found in naive]


def _parameter(piece: bytes) -> Parameter | None:
    """`name=value`; where a semicolon was forgotten, the last word before the equals sign is the name."""
    name, equals, raw = piece.partition(b"=")
    written = name.split()
    if not equals or not written:
        return None
    return Parameter(written[-1].lower(), raw.strip())


def _ways_of(raw: bytes) -> Iterator[bytes]:
    """How readers take one raw value, which may run on to the end of the field."""
    quoted = _QUOTED.match(raw)
    if quoted is not None:
        yield _ESCAPE.sub(rb"\1", quoted[1]).rstrip(b" \t")
        yield quoted[1].strip(b" \t")
        behind = _BARE_VALUE.match(raw, quoted.end())
        if behind is not None:
            yield quoted[1] + behind[0]
        yield from _encoded_ways(quoted[1])
        if b"\\" in quoted[1]:
            yield quoted[1].partition(b"\\")[0]
        yield from _without_nul(quoted[1])
        return
    bare = _BARE_VALUE.match(raw)
    if bare is None:
        return
    yield bare[0]
    yield raw.partition(b";")[0].strip()
    yield without_comments(bare[0]).strip()
    token = _TOKEN_VALUE.match(raw)
    if token is not None:
        yield token[0]
    yield bare[0].strip(b"'")
    yield from _encoded_ways(bare[0])
    yield from _without_nul(bare[0])


def _encoded_ways(value: bytes) -> Iterator[bytes]:
    if b"=?" in value:
        yield words.decoded(value).encode("utf-8").strip()


def _without_nul(value: bytes) -> Iterator[bytes]:
    if b"\0" in value:
        yield value.partition(b"\0")[0]
        yield value.replace(b"\0", b"")


def _extended(parameters: tuple[Parameter, ...], name: bytes) -> str:
    """An RFC 2231 parameter as text; empty without one."""
    if not any(each.name.startswith(name + b"*") for each in parameters):
        return ""
    sections = _sections(parameters, name)
    if not sections:
        return ""
    charset = b""
    content: list[bytes] = []
    for index, (encoded, value) in enumerate(sections):
        if index == 0 and encoded and value.count(b"'") >= 2:
            charset, _, rest = value.split(b"'", 2)
            content.append(unquote_to_bytes(rest))
        else:
            content.append(unquote_to_bytes(value) if encoded else value)
    joined = b"".join(content)
    return words.text(joined, charset.decode("latin-1")) if charset else words.display(joined)


def _extended_ways(parameters: tuple[Parameter, ...], name: bytes) -> Iterator[bytes]:
    """An RFC 2231 parameter as bytes: by number, and in the order in which its sections stand."""
    yield _extended(parameters, name).encode("utf-8", "replace")
    yield b"".join(each.value for each in parameters if each.name.startswith(name + b"*"))


def _sections(parameters: tuple[Parameter, ...], name: bytes) -> list[tuple[bool, bytes]]:
    """The sections in the order of their numbers, whatever order they stand in; of a repeated number the first."""
    found: dict[int, tuple[bool, bytes]] = {}
    for each in parameters:
        section = _SECTION.match(each.name)
        if section is None or section[1] != name or each.name == name:
            continue
        found.setdefault(int(section[2] or 0), (bool(section[3]), each.value))
    return [found[number] for number in sorted(found)]
