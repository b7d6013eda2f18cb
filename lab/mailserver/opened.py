"""A message, opened for people: decoded header fields, the text to read, the attachments to take out.

Whatever the message looks like, it opens: what can't be decoded is shown as it stands.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file of a message."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """What a person sees of a message. `text` is the HTML source where there is no plain text."""

    subject: str
    sender: str
    text: str
    attachments: tuple[Attachment, ...]


def opened(content: bytes) -> Opened:
    """Open a message."""
    message = message_from_bytes(content)
    leaves = list(_leaves(message))
    texts = [part for part in leaves if _is_text(part)]
    plain = [part for part in texts if part.get_content_type() == "text/plain"]
    return Opened(
        subject=decoded(message["Subject"]),
        sender=decoded(message["From"]),
        text="\n".join(_text(part) for part in plain or texts),
        attachments=tuple(
            _attachment(part, number) for number, part in enumerate(leaves, start=1) if not _is_text(part)
        ),
    )


def _leaves(message: Message) -> Iterator[Message]:
    """The parts that hold something; a message inside a message is one of them."""
    if message.get_content_maintype() != "multipart" or not message.is_multipart():
        yield message
        return
    for part in _parts(message):
        yield from _leaves(part)


def _parts(message: Message) -> list[Message]:
    """What a multipart or a message/* holds; the standard library's types say less than its documentation."""
    payload = message.get_payload()
    return [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []


def _is_text(part: Message) -> bool:
    """Whether this is read rather than taken out."""
    kept = part.get_content_disposition() == "attachment" or part.get_filename() is not None
    return part.get_content_type() in {"text/plain", "text/html"} and not kept


def _text(part: Message) -> str:
    content = _bytes(part)
    try:
        return content.decode(part.get_content_charset("utf-8"), "replace")
    except (LookupError, ValueError):  # no such character set
        return content.decode("utf-8", "replace")


def _attachment(part: Message, number: int) -> Attachment:
    name = decoded(part.get_filename()) or f"part-{number}"
    return Attachment(name, part.get_content_type(), _bytes(part))


def _bytes(part: Message) -> bytes:
    if part.is_multipart():  # message/rfc822: the message inside
        return b"".join(each.as_bytes() for each in _parts(part))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def decoded(value: object) -> str:
    """A header field's text on one line (RFC 2047); None: empty."""
    text = "" if value is None else "".join(str(value).splitlines())
    try:
        return str(make_header(decode_header(text)))
    except (LookupError, ValueError, HeaderParseError):
        return text
