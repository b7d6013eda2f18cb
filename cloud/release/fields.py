"""Header fields of a held message, as a release keeps them: their own bytes where they are strict, mended where not.

Dropped, since a rebuilt body makes them false: Content-* and MIME-Version (made anew), and signatures over the message
(DKIM, DomainKeys, ARC), which would count against it. Trace fields (Received, Authentication-Results, …) stay. Fields of the
release pass are never taken over.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from atp.release_pass import FIELD_NAME

_NAME: Final = re.compile(rb"[!-9;-~]+")
_ANY_LINE_ENDS: Final = re.compile(rb"[\r\n]+")
_STRICT: Final = re.compile(rb"[!-9;-~]+:[^\r\n\0]*(?:\r\n[ \t]+[^\r\n\0 \t][^\r\n\0]*)*\r\n")
_LENIENT_FIELD: Final = re.compile(rb"(?=.)[^\r\n]*(?:(?:\r\n|\n|\r)[ \t][^\r\n]*)*(?:\r\n|\n|\r|\Z)", re.DOTALL)

PASS_NAME: Final = FIELD_NAME.lower()
_BROKEN_BY_REBUILDING: Final = frozenset(
    {b"mime-version", b"dkim-signature", b"domainkey-signature", b"x-google-dkim-signature"}
    | {b"arc-seal", b"arc-message-signature", b"arc-authentication-results", PASS_NAME}
)

# All that is kept of a header in which two readers may see two messages; of each name but the last four the first alone.
_PLAIN_NAMES: Final = frozenset(
    {b"from", b"sender", b"reply-to", b"to", b"cc", b"subject", b"date", b"message-id", b"in-reply-to", b"references"}
    | {b"list-id", b"list-unsubscribe", b"list-post", b"auto-submitted", b"precedence"}
)
_TRACE_NAMES: Final = frozenset({b"received", b"return-path", b"authentication-results", b"received-spf"})

_OF_A_PART: Final = frozenset(
    {b"content-type", b"content-disposition", b"content-id", b"content-location"}
    | {b"content-description", b"content-language"}
)


def name_of(field: bytes) -> bytes:
    """The field's name in lower case."""
    return field.partition(b":")[0].strip(b" \t").lower()


def value_of(field: bytes) -> bytes:
    """The field's value, folding kept."""
    return field.partition(b":")[2].strip(b" \t\r\n")


def mended(field: bytes) -> bytes | None:
    """The whole field, its CRLF included; None where it is no field.

    A strict field stays as it is. Else stray line ends become folds, so that no line of it can pass for a field of its own.
    """
    if _STRICT.fullmatch(field) is not None:
        return field
    name, colon, value = field.partition(b":")
    name = name.strip(b" \t")
    if not colon or _NAME.fullmatch(name) is None:
        return None
    lines = [line.strip(b" \t") for line in _ANY_LINE_ENDS.split(value.replace(b"\0", b""))]
    return name + b": " + b"\r\n ".join(line for line in lines if line) + b"\r\n"


def kept(fields: Iterable[bytes]) -> list[bytes]:
    """What a rebuilt message keeps of its top-level fields, in order."""
    whole = (mended(field) for field in fields)
    return [field for field in whole if field is not None and _survives(name_of(field))]


def kept_of_ambiguous(fields: Iterable[bytes]) -> list[bytes]:
    """The well-known fields alone, each that may stand once only once."""
    seen: set[bytes] = set()
    chosen = []
    for field in kept(fields):
        name = name_of(field)
        if name in _TRACE_NAMES or (name in _PLAIN_NAMES and name not in seen):
            chosen.append(field)
        seen.add(name)
    return chosen


def of_part(header: bytes) -> dict[bytes, bytes]:
    """A part's own Content-* fields by name, mended, the first of each name; transfer encoding is not among them."""
    found: dict[bytes, bytes] = {}
    for raw in _split(header):
        field = mended(raw)
        if field is not None and field.isascii() and name_of(field) in _OF_A_PART:
            found.setdefault(name_of(field), field)
    return found


def _survives(name: bytes) -> bool:
    return name not in _BROKEN_BY_REBUILDING and not name.startswith(b"content-")


def _split(header: bytes) -> Iterator[bytes]:
    return (found[0] for found in _LENIENT_FIELD.finditer(header))
