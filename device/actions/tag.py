"""Tag: warning headers and a subject prefix, and nothing else changes.

X-Spam-Flag and X-Distribution are what most mail servers file as junk by. Fields of the same name that came with the message
are replaced, so that no sender can say NO before we say YES; every other byte stays where it was.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email.header import Header

from device.inspection.policy import WarningHeaders
from device.message.reading import HeaderField, Reading, Span


@dataclass(frozen=True, slots=True)
class Tagged:
    """A message with fields put in front and ranges replaced; made anew, chunk by chunk, whenever it is gone through."""

    content: Iterable[bytes]
    added: Sequence[bytes]
    edits: Sequence[tuple[Span, bytes]]

    def __iter__(self) -> Iterator[bytes]:
        yield from self.added
        yield from _edited(self.content, self.edits)


def tagged(content: Iterable[bytes], reading: Reading, warning: WarningHeaders) -> Tagged:
    """The message's chunks with the warning put in front and the subject prefixed."""
    added = _warning_fields(warning)
    names = {line.partition(b":")[0].lower() for line in added}
    edits = [(field.span, b"") for field in reading.fields if field.name.lower() in names]
    if warning.subject_prefix:
        subjects = reading.values_of(b"subject")
        edits += [(subject.span, _prefixed(subject, warning.subject_prefix)) for subject in subjects[:1]]
        added += [] if subjects else [b"Subject: " + _encoded(warning.subject_prefix).strip() + b"\r\n"]
    return Tagged(content, added, sorted(edits, key=lambda edit: edit[0].start))


def _warning_fields(warning: WarningHeaders) -> list[bytes]:
    fields = []
    if warning.x_spam_flag:
        fields.append(b"X-Spam-Flag: YES\r\n")
    if warning.x_distribution:
        fields.append(b"X-Distribution: " + warning.x_distribution.encode("ascii", "replace") + b"\r\n")
    return fields


def _prefixed(subject: HeaderField, prefix: str) -> bytes:
    """The subject's own bytes after the prefix: encoded words in it stay as they are."""
    return subject.name + b": " + _encoded(prefix) + subject.raw_value.lstrip(b" \t") + b"\r\n"


def _encoded(prefix: str) -> bytes:
    """The prefix with one space behind it; an encoded word (RFC 2047) where it is not ASCII."""
    text = prefix.rstrip(" ")
    try:
        return text.encode("ascii") + b" "
    except UnicodeEncodeError:
        return Header(text, "utf-8", maxlinelen=60).encode(linesep="\r\n").encode("ascii") + b" "


def _edited(content: Iterable[bytes], edits: Sequence[tuple[Span, bytes]]) -> Iterator[bytes]:
    """The chunks with byte ranges replaced; edits are in order and do not overlap. Only the chunks that hold an edit are cut."""
    pending = list(edits)
    offset = 0
    for chunk in content:
        end = offset + len(chunk)
        position = offset
        while pending and pending[0][0].start < end:
            span, replacement = pending[0]
            if span.start >= position:
                yield chunk[position - offset : span.start - offset]
                yield replacement
            position = min(span.end, end)
            if span.end > end:
                break
            pending.pop(0)
        yield chunk[position - offset :] if position > offset else chunk
        offset = end
