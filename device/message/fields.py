"""Header fields on bytes, as tolerant as mail readers are; each oddity is a finding.

Lines end with LF, with or without a CR before it; a line that begins with a space or a tab continues the one before. What is no
field is passed over. Where some readers would see more, this says so: `hidden` are fields that only a reader who takes a bare
CR for a line end sees, `early` the places where some readers end the header.
Source: RFC 5322, sections 2.2 and 4.5; RFC 7103 for what is met in practice.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from device.message.findings import Finding

_ORDINARY: Final = re.compile(rb"(?:[!-9;-~]++:[^\r\n\0]*+\r\n(?:[ \t]++[^ \t\r\n\0][^\r\n\0]*+\r\n)*+)*+(?:\r\n)?")
"""A header in which no reader finds anything odd."""
_ORDINARY_FIELD: Final = re.compile(rb"([!-9;-~]++):([^\r\n]*+(?:\r\n[ \t][^\r\n]*+)*+)\r\n")
_LOGICAL_LINE: Final = re.compile(rb"[^\n]+(?:\n[ \t][^\n]*)*\n?|\n")
_REGULAR: Final = re.compile(rb"([!-9;-~]+)([ \t]*):")
_TOLERANT: Final = re.compile(rb"([^:]{1,200}):")
_NO_NAME: Final = bytes(range(33)) + bytes(range(127, 256))
_BLANK_FOLD: Final = re.compile(rb"\n[ \t]+\r?\n")
_BARE_CR: Final = re.compile(rb"\r(?!\n)")
_CR_BLANK: Final = re.compile(rb"\n\r(?!\n)|\r\r")
_BLANK_LINE: Final = re.compile(rb"\n\r?\n")
_STRICT_BLANK_LINE: Final = re.compile(rb"\r\n\r\n")
_MOST_EARLY: Final = 3
_COLON: Final = ord(":")
_NOTHING_ODD: Final[frozenset[Finding]] = frozenset()


class Field(NamedTuple):
    """One field: its name as written and in lower case, its value without the last line end, and its place in the message.

    `odd` marks a field that some readers do not take for one.
    """

    name: bytes
    key: bytes
    value: bytes
    start: int
    end: int
    odd: bool = False


class Header(NamedTuple):
    """The fields in order, those that only some readers see, and offsets in the block at which some readers start the body."""

    fields: tuple[Field, ...]
    hidden: tuple[Field, ...]
    early: tuple[int, ...]
    findings: frozenset[Finding]

    def named(self, key: bytes) -> tuple[Field, ...]:
        """All fields of that name (lower case), the surest first."""
        found = [field for field in self.fields if field.key == key]
        if self.hidden:
            found += [field for field in self.hidden if field.key == key]
        if len(found) > 1:
            found.sort(key=lambda field: field.odd)
        return tuple(found)

    def values(self, key: bytes) -> tuple[bytes, ...]:
        """The values of all fields of that name, the surest first."""
        return tuple([field.value for field in self.named(key)])


class Ordinary(NamedTuple):
    """A header in which nothing is odd: the values by name (lower case; of a repeated field the last), and how many fields."""

    values: dict[bytes, bytes]
    fields: int


def end_of_header(block: bytes | bytearray, searched: int, *, strict: bool) -> int | None:
    """Where the blank line ends that closes the header, or None as yet; `searched` bytes were looked at before.

    Strict takes CRLF CRLF alone.
    """
    if block.startswith(b"\r\n"):
        return 2
    if not strict and block.startswith(b"\n"):
        return 1
    pattern = _STRICT_BLANK_LINE if strict else _BLANK_LINE
    blank = pattern.search(block, max(0, searched - 3))
    return None if blank is None else blank.end()


def parse(block: bytes, start: int, *, crlf: bool) -> Header:
    """Read a header block, its blank line included or not; it begins at `start`. `crlf`: its message ends lines with CRLF."""
    if _ORDINARY.fullmatch(block):
        return Header(_ordinary_fields(block, start), (), (), _NOTHING_ODD)
    findings = set(_line_findings(block, crlf=crlf))
    fields: list[Field] = []
    early: list[int] = []
    for offset, line in _logical_lines(block):
        field = _field(line, start + offset)
        if field is not None:
            fields.append(field)
            if field.odd:
                findings.add(Finding.ODD_FIELD_NAME)
            elif line[len(field.name)] != _COLON:
                findings.add(Finding.BLANK_BEFORE_COLON)
        elif not (offset == 0 and line.startswith((b"From ", b" ", b"\t"))):
            findings.add(Finding.NO_FIELD)
            early.append(offset)
    hidden: tuple[Field, ...] = ()
    if Finding.BLANK_FOLD in findings:
        early += [match.start() + 1 for match in _BLANK_FOLD.finditer(block)][:_MOST_EARLY]
    if Finding.BARE_CR in findings:
        early += [match.start() + 1 for match in _CR_BLANK.finditer(block)][:_MOST_EARLY]
        hidden = _hidden(block, start, fields)
    return Header(tuple(fields), hidden, tuple(sorted(set(early))[:_MOST_EARLY]), frozenset(findings))


def ordinary(block: bytes) -> Ordinary | None:
    """The same of an ordinary header, without a place for each field; None where it is not, or repeats a Content- field."""
    if not _ORDINARY.fullmatch(block):
        return None
    found = _ORDINARY_FIELD.findall(block)
    values = {name.lower(): value for name, value in found}
    if len(values) != len(found):
        content = [key for name, _ in found if (key := name.lower()).startswith(b"content-")]
        if len(content) != len(set(content)):
            return None
    return Ordinary(values, len(found))


def before(header: Header, offset: int) -> Header:
    """The header as a reader sees it who ends it at that offset of the message."""
    fields = tuple(field for field in header.fields if field.start < offset)
    hidden = tuple(field for field in header.hidden if field.start < offset)
    return Header(fields, hidden, (), header.findings)


def unfolded(value: bytes) -> bytes:
    """A value on one line: line ends go, the blanks after them stay (RFC 5322, section 2.2.3)."""
    return value.replace(b"\r", b"").replace(b"\n", b"") if b"\n" in value or b"\r" in value else value


def _ordinary_fields(block: bytes, start: int) -> tuple[Field, ...]:
    """The fields of an ordinary header, which stand one directly behind the other."""
    fields: list[Field] = []
    for name, value in _ORDINARY_FIELD.findall(block):
        end = start + len(name) + len(b":") + len(value) + len(b"\r\n")
        fields.append(Field(name, name.lower(), value, start, end))
        start = end
    return tuple(fields)


def _line_findings(block: bytes, *, crlf: bool) -> Iterator[Finding]:
    whole = block.count(b"\r\n")
    if block.count(b"\r") != whole:
        yield Finding.BARE_CR
    if crlf and block.count(b"\n") != whole:
        yield Finding.BARE_LF
    if b"\0" in block:
        yield Finding.NUL
    if (b"\n " in block or b"\n\t" in block) and _BLANK_FOLD.search(block):
        yield Finding.BLANK_FOLD


def _logical_lines(block: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines with what continues them, and their offsets; the blank line is left out."""
    for match in _LOGICAL_LINE.finditer(block):
        if match[0] not in (b"\n", b"\r\n"):
            yield match.start(), match[0]


def _field(line: bytes, start: int) -> Field | None:
    value_end = len(line) - (2 if line.endswith(b"\r\n") else line.endswith((b"\n", b"\r")))
    regular = _REGULAR.match(line)
    if regular is not None:
        name = regular[1]
        return Field(name, name.lower(), line[regular.end() : value_end], start, start + len(line))
    tolerant = _TOLERANT.match(line)
    key = tolerant[1].translate(None, _NO_NAME).lower() if tolerant else b""
    if tolerant is None or not _may_be_a_name(tolerant[1], key):
        return None
    return Field(tolerant[1].strip(), key, line[tolerant.end() : value_end], start, start + len(line), odd=True)


def _may_be_a_name(written: bytes, key: bytes) -> bool:
    """White space inside tells prose from a field, but for the names that decide what a part is."""
    if key.startswith(b"content-") or key == b"mime-version":
        return True
    return bool(key) and not re.search(rb"\s", written.strip())


def _hidden(block: bytes, start: int, seen: list[Field]) -> tuple[Field, ...]:
    """The fields that stand after a bare CR."""
    known = {field.start for field in seen}
    lines = _logical_lines(_BARE_CR.sub(b"\n", block))
    fields = (_field(line, start + offset) for offset, line in lines)
    return tuple(
        Field(field.name, field.key, field.value, field.start, field.end, odd=True)
        for field in fields
        if field is not None and field.start not in known
    )
