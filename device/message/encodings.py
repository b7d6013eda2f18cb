"""Transfer encodings, decoded as the bytes arrive.

A decoder takes what is regular on a fast path. Where the bytes are not, readers decode them in different ways; then feed() gives
None, and readings() says which decoders go on from there, each a way of its own with a name of its own:

    base64                   what is not base64 is passed over, padding ends a stream, and the next one follows
    base64;first-stream      nothing after the first padding counts (binascii, and so the standard library's email)
    base64;no-padding        padding is passed over like any other garbage
    base64;to-garbage        nothing after the first garbage counts
    base64;whole             as base64, but an incomplete last group of four is dropped
    quoted-printable         what is malformed stays as it is
    quoted-printable;trimmed as RFC 2045 wants it: white space at a line's end goes, before or after a soft line break's `=`

Source: RFC 2045, sections 6.7 and 6.8.
"""

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol, Self

from device.message.base64_reading import FirstStream, NoPadding, PlainBase64, ToGarbage, WholeGroups
from device.message.findings import Finding
from device.message.quoted_printable import PlainQuotedPrintable, Trimmed
from device.message.uuencode import UuDecoder
from device.message.yenc import YencDecoder


class Decoder(Protocol):
    """One way to decode. `name` is what Part.transfer_encoding says."""

    name: str

    def feed(self, data: bytes) -> bytes | None:
        """What can be decoded as yet; None, and nothing taken, where readers come apart."""

    def flush(self) -> bytes | None:
        """The rest, at the end; None where readers come apart about it."""

    def readings(self) -> tuple["Decoder", ...]:
        """The decoders that go on where this one gave None; the first is the likeliest."""

    def findings(self) -> Iterable[Finding]:
        """What was odd."""


class Identity:
    """7bit, 8bit, binary: nothing to decode."""

    def __init__(self, name: str) -> None:
        self.name = name

    def feed(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""

    def readings(self) -> tuple[Self, ...]:
        return (self,)

    def findings(self) -> tuple[Finding, ...]:
        return ()


_DECODERS: Final[dict[str, Callable[[], Decoder]]] = {
    "base64": PlainBase64,
    "base64;first-stream": FirstStream,
    "base64;no-padding": NoPadding,
    "base64;to-garbage": ToGarbage,
    "base64;whole": WholeGroups,
    "quoted-printable": PlainQuotedPrintable,
    "quoted-printable;trimmed": Trimmed,
    "uuencode": UuDecoder,
    "yenc": YencDecoder,
}


def decoder(name: str) -> Decoder:
    """The decoder of that name; what is unknown is not decoded."""
    make = _DECODERS.get(name)
    return Identity(name) if make is None else make()


def is_identity(name: str) -> bool:
    """Whether content in this encoding stands in the message as it is."""
    return name not in _DECODERS


def decode(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Decode in the very way that a part's transfer_encoding names."""
    way = decoder(name)
    for chunk in chunks:
        decoded = way.feed(chunk)
        if decoded is None:
            way = way.readings()[0]
            decoded = way.feed(chunk)
        yield decoded or b""
    rest = way.flush()
    yield way.readings()[0].flush() or b"" if rest is None else rest


def copied(way: Decoder) -> Decoder:
    """A decoder in the same state; what it holds is immutable, or copied with it."""
    return copy.copy(way)
