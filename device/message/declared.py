"""What a part's header says that it is: in the sense of the standards, and in every other way in which readers take it.

One rule keeps this finite: of two ways to read, one that shows less adds nothing. A reader that does not understand a field
shows text; so only what some reader would show beyond that is followed.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from device.message import words
from device.message.fields import Field, Header, unfolded
from device.message.filenames import safe
from device.message.findings import Finding
from device.message.parameters import Parameterised, parse, ways_to_read, without_comments

DEFAULT_TYPE: Final = "text/plain"
"""RFC 2045, section 5.2."""

_TYPE: Final = re.compile(rb"\s*([!#$&^_.+\w'-]+)\s*/\s*([!#$&^_.+\w'*-]+)", re.ASCII)
_PLAIN_TYPE: Final = re.compile(rb"\s*([\w.+-]+/[\w.+-]+)\s*(?:;(?!.*(?:/|=\?)).*)?", re.ASCII)
_PLAIN_ENCODING: Final = re.compile(rb"[\w-]+", re.ASCII)
_IDENTITIES: Final = {
    "7bit": "7bit",
    "8bit": "8bit",
    "binary": "binary",
    "7-bit": "7bit",
    "8-bit": "8bit",
    "8bits": "8bit",
}
_KNOWN_ENCODINGS: Final = {
    "base64": "base64",
    "quoted-printable": "quoted-printable",
    "uuencode": "uuencode",
    "x-uuencode": "uuencode",
    "x-uue": "uuencode",
    "uue": "uuencode",
    "x-yenc": "yenc",
    "yenc": "yenc",
}
_CONTENT_FIELDS: Final = (b"content-type", b"content-transfer-encoding", b"content-disposition", b"content-id")
_ENCODING_INSIDE: Final = re.compile(rb"base-?64|quoted-?printable|uue(?:ncode)?|yenc")
_HIDING_CHARSETS: Final = (
    "utf-7",
    "utf7",
    "utf-16",
    "utf16",
    "utf-32",
    "utf32",
    "ucs-2",
    "iso-10646-ucs",
    "unicode-1-1-utf-7",
)
_REMEMBERED: Final = 1024
"""Readings of Content- fields that are kept; with _MOST_REMEMBERED, a few megabytes at the most."""
_MOST_REMEMBERED: Final = 512
"""Bytes of Content- fields of one header; longer ones are rare, and would let senders fill memory."""
_BY_INSIDE: Final = {b"b": "base64", b"q": "quoted-printable", b"u": "uuencode", b"y": "yenc"}


@dataclass(frozen=True, slots=True)
class Declared:
    """What a header says.

    `content_type` is what the standards make of it, `types` is every type that some reader takes. `boundaries` and `encodings`
    are in the order of likelihood; the first encoding is the one that the standards mean. `names` are safe to show.
    """

    content_type: str
    types: frozenset[str]
    boundaries: tuple[bytes, ...]
    encodings: tuple[str, ...]
    charset: str
    names: tuple[str, ...]
    attached: bool
    content_id: str
    findings: frozenset[Finding]

    @property
    def name(self) -> str:
        """The name to show; empty without one."""
        return self.names[0] if self.names else ""

    @property
    def multipart(self) -> bool:
        """Whether some reader takes it for a multipart."""
        return any(each.startswith("multipart/") for each in self.types)

    @property
    def message(self) -> bool:
        """Whether some reader takes it for a message."""
        return not self.types.isdisjoint(MESSAGE_TYPES)

    @property
    def leaf(self) -> bool:
        """Whether some reader takes it for content of its own that is not plain text."""
        return any(not each.startswith("multipart/") and each not in MESSAGE_TYPES for each in self.types)

    @property
    def image(self) -> bool:
        """Whether every reader takes it for an image."""
        return all(each.startswith("image/") for each in self.types)

    @property
    def hiding_charset(self) -> bool:
        """Whether its charset lets text look like something else to who looks for ASCII."""
        return self.charset.startswith(_HIDING_CHARSETS)


MESSAGE_TYPES: Final = frozenset({"message/rfc822", "message/global", "message/news"})
"""Whole messages."""


class Written(NamedTuple):
    """What a header's Content- fields say, as far as a part's reading hangs on it; `sure` where every reader sees the field."""

    types: tuple[bytes, ...]
    sure_of_type: bool
    encodings: tuple[bytes, ...]
    sure_of_encoding: bool
    dispositions: tuple[bytes, ...]
    content_ids: tuple[bytes, ...]
    default_type: str

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(map(len, (*self.types, *self.encodings, *self.dispositions, *self.content_ids)))


def declare(header: Header, default_type: str = DEFAULT_TYPE) -> Declared:
    """Read the Content- fields of a header. Raises LimitExceeded where there are too many ways to read it."""
    type_fields = header.named(b"content-type")
    encoding_fields = header.named(b"content-transfer-encoding")
    return _declared(
        Written(
            tuple([field.value for field in type_fields]),
            _sure(type_fields),
            tuple([field.value for field in encoding_fields]),
            _sure(encoding_fields),
            header.values(b"content-disposition"),
            header.values(b"content-id"),
            default_type,
        )
    )


def declare_ordinary(values: Mapping[bytes, bytes]) -> Declared:
    """The same of an ordinary header (fields.ordinary_values)."""
    types, encodings, dispositions, content_ids = [(values[key],) if key in values else () for key in _CONTENT_FIELDS]
    return _declared(Written(types, bool(types), encodings, bool(encodings), dispositions, content_ids, DEFAULT_TYPE))


def _declared(written: Written) -> Declared:
    """Mail repeats itself (a client writes the same few fields into every text part), so short ones are read once."""
    return _remembered(written) if written.size <= _MOST_REMEMBERED else _read(written)


def _read(written: Written) -> Declared:
    values = [parse(value) for value in written.types]
    dispositions = [parse(value) for value in written.dispositions]
    types = _types(written.types, written.default_type, sure=written.sure_of_type)
    multipart = any(each.startswith("multipart/") for each in types)
    boundaries = (
        dict.fromkeys(way for value in written.types for way in ways_to_read(value, b"boundary")) if multipart else ()
    )
    raw_names = [name for each in dispositions for name in (*each.text(b"filename"), *each.text(b"name"))]
    raw_names += [name for each in values for name in (*each.text(b"name"), *each.text(b"filename"))]
    findings = {*_repetitions(values, written.encodings, dispositions), *_type_findings(types, tuple(boundaries))}
    findings.update(_encoding_findings(written.encodings), _name_findings(raw_names))
    return Declared(
        content_type=types[0],
        types=frozenset(types),
        boundaries=tuple(boundaries),
        encodings=_encodings(written.encodings, sure=written.sure_of_encoding),
        charset=next((name.lower() for each in values for name in each.text(b"charset")), ""),
        names=tuple(dict.fromkeys(safe(name) for name in raw_names if name)),
        attached=any(_attached(each) for each in dispositions),
        content_id=_content_id(written.content_ids),
        findings=frozenset(findings),
    )


_remembered = lru_cache(_REMEMBERED)(_read)


def unboxed(boundary: bytes) -> Declared:
    """A multipart whose boundary was guessed from its body."""
    kind = "multipart/mixed"
    return Declared(
        kind, frozenset({kind}), (boundary,), ("7bit",), "", (), attached=False, content_id="", findings=frozenset()
    )


def _sure(fields: tuple[Field, ...]) -> bool:
    """Whether every reader sees one of the fields."""
    return bool(fields) and not fields[0].odd


def _types(values: Iterable[bytes], default_type: str, *, sure: bool) -> list[str]:
    """The types, the standards' first. Without a sure field, the default stands before what only some readers see."""
    found: dict[str, None] = {} if sure else {default_type: None}
    for value in values:
        found.update(dict.fromkeys(_types_of(value)))
    return list(found) or [default_type]


def _types_of(value: bytes) -> Iterator[str]:
    """A type that cannot be read is text/plain to some, and a file to others (RFC 2045, section 5.2)."""
    line = unfolded(value)
    plain = _PLAIN_TYPE.fullmatch(line)
    if plain is not None:
        yield plain[1].decode("ascii").lower()
        return
    found: list[str] = []
    for way in dict.fromkeys((without_comments(line), words.decoded(line).encode("utf-8"), line.replace(b"\0", b""))):
        match = _TYPE.match(way.lstrip(b" \t\"'=;"))
        if match is not None:
            found.append((match[1] + b"/" + match[2]).decode("ascii").lower())
    yield from found
    if not found:
        yield DEFAULT_TYPE
        yield from (
            ("application/octet-stream",) if line.partition(b";")[0].strip().lower() not in (b"", b"text") else ()
        )
    if re.search(rb"multipart\s*/", line, re.IGNORECASE) and not any(each.startswith("multipart/") for each in found):
        yield "multipart/mixed"
    if re.search(rb"message\s*/\s*rfc822", line, re.IGNORECASE) and "message/rfc822" not in found:
        yield "message/rfc822"


def _encodings(values: Iterable[bytes], *, sure: bool) -> tuple[str, ...]:
    found: dict[str, None] = {} if sure else {"7bit": None}
    for value in values:
        found.update(dict.fromkeys(_encodings_of(value)))
    return tuple(found) or ("7bit",)


def _encodings_of(value: bytes) -> Iterator[str]:
    """The known encoding that the value names, or all that it may mean.

    Readers match the whole value, its first word, or its beginning, and decode encoded words or not; for what is unknown RFC 2045
    asks for no decoding, and some readers guess.
    """
    line = unfolded(value)
    word = without_comments(line).strip().lower().decode("latin-1")
    known = _IDENTITIES.get(word) or _KNOWN_ENCODINGS.get(word)
    if known is not None or not word:
        yield known or "7bit"
        return
    loose = words.decoded(line.replace(b"\0", b"")).encode("utf-8").lower()
    first = _PLAIN_ENCODING.search(loose)
    name = first[0].decode("ascii") if first else ""
    yield _IDENTITIES.get(name) or _KNOWN_ENCODINGS.get(name) or "binary"
    inside = [_BY_INSIDE[match[0][:1]] for match in _ENCODING_INSIDE.finditer(loose)]
    yield from inside
    yield "binary"
    if not inside and name not in _IDENTITIES:
        yield from ("base64", "quoted-printable")


def _attached(disposition: Parameterised) -> bool:
    """Whatever is not inline is to be treated as an attachment (RFC 2183, section 2.8)."""
    word = disposition.main.split()[0].lower() if disposition.main.split() else b""
    return bool(word) and word != b"inline"


def _content_id(values: Iterable[bytes]) -> str:
    return next((words.display(value).strip("<> ") for value in values), "")


def _repetitions(values: Sized, encodings: Sized, dispositions: Sized) -> Iterator[Finding]:
    if len(values) > 1:
        yield Finding.DUPLICATE_TYPE
    if len(encodings) > 1:
        yield Finding.DUPLICATE_ENCODING
    if len(dispositions) > 1:
        yield Finding.DUPLICATE_DISPOSITION


def _type_findings(types: list[str], boundaries: tuple[bytes, ...]) -> Iterator[Finding]:
    if len(types) > 1:
        yield Finding.ODD_TYPE
    if len(boundaries) > 1:
        yield Finding.SEVERAL_BOUNDARIES
    if not boundaries and any(each.startswith("multipart/") for each in types):
        yield Finding.NO_BOUNDARY


def _encoding_findings(encodings: Iterable[bytes]) -> Iterator[Finding]:
    words_written = (encoding.strip().lower().decode("latin-1") for encoding in encodings)
    if any(_IDENTITIES.get(word) != word and word not in _KNOWN_ENCODINGS for word in words_written):
        yield Finding.ODD_ENCODING


def _name_findings(names: list[str]) -> Iterator[Finding]:
    if len(set(names)) > 1:
        yield Finding.NAMES_DIFFER
    if any(safe(name) != name for name in names if name):
        yield Finding.ODD_FILE_NAME
