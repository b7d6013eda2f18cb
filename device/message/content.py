"""A part's content, decoded again from the message that whoever asks has kept."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

from device.message.encodings import decode
from device.message.reading import Part, Sha256, Span

CHUNK: Final = 256 * 1024
"""Bytes; what one message of an upload stream carries."""


def decoded(message: bytes | Iterable[bytes], part: Part) -> Iterator[bytes]:
    """The part's content in chunks of 256 KiB, the last one shorter; the message is never joined, nor is the content."""
    chunks = [message] if isinstance(message, bytes) else message
    content = _cut(chunks, part.body)
    for step in part.steps:
        content = _cut(decode(content, step.transfer_encoding), step.span)
    return _in_chunks(decode(content, part.transfer_encoding))


def digest_of(message: Iterable[bytes]) -> Sha256:
    """The whole message's SHA-256: what the quarantine tells equal messages by, and nobody else needs."""
    digest = hashlib.sha256()
    for chunk in message:
        digest.update(chunk)
    return Sha256(digest.digest())


def raw(message: bytes | Iterable[bytes], span: Span) -> Iterator[bytes]:
    """A span of the message as it stands there, in pieces."""
    return _cut([message] if isinstance(message, bytes) else message, span)


def _cut(chunks: Iterable[bytes], span: Span) -> Iterator[bytes]:
    """The span of a stream, in pieces of at most 256 KiB."""
    offset = 0
    for chunk in chunks:
        if offset >= span.end:
            return
        start, end = max(0, span.start - offset), min(len(chunk), span.end - offset)
        for position in range(start, end, CHUNK):
            yield chunk[position : min(position + CHUNK, end)]
        offset += len(chunk)


def _in_chunks(content: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for piece in content:
        held += piece
        while len(held) >= CHUNK:
            yield bytes(held[:CHUNK])
            del held[:CHUNK]
    if held:
        yield bytes(held)
