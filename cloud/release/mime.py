"""MIME written, never read: entities as values, and their bytes, 7-bit in lines of at most 76, so that no relay touches them.

Source: RFC 2045 (section 6: encodings), RFC 2046 (section 5.1: multipart).
"""

import binascii
import re
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

LINE: Final = 76
_BARE_LINE_END: Final = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_LONG_LINE: Final = re.compile(rb"[^\r\n]{77}")
_UNSAFE_LINE: Final = re.compile(rb"(?:\A|\n)(?:From |--=_)")
_MAILBOX_LINE: Final = re.compile(rb"(?:\A|\n)From ")
_NEEDS_CODING: Final = re.compile(rb"[^\t\r\n -~]")
_PLAIN: Final = b"\t\r\n" + bytes(range(32, 127))


@dataclass(frozen=True, slots=True)
class Leaf:
    """One body. `fields` are whole header fields, CRLF included, without the transfer encoding."""

    fields: tuple[bytes, ...]
    content: bytes


@dataclass(frozen=True, slots=True)
class Branch:
    """A multipart. `parameters` stand after the type, such as `report-type=delivery-status`."""

    subtype: str
    children: tuple["Entity", ...]
    parameters: tuple[str, ...] = ()


Entity = Leaf | Branch


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Where the multiparts' boundaries come from: nobody can guess the seed, and `=_` stands in no encoded body."""

    seed: str
    path: str = ""

    @property
    def text(self) -> str:
        """All of one length, so that none is another's beginning; at most 70 characters (RFC 2046, section 5.1.1)."""
        return f"=_{sha256((self.seed + self.path).encode()).hexdigest()[:40]}"

    def inside(self, number: int) -> "Boundaries":
        """For that child of a multipart."""
        return replace(self, path=f"{self.path}.{number}")


def attachment(name: str, content_type: str, content: bytes) -> Leaf:
    """A file; name and type are ASCII tokens of our own."""
    fields = (
        f'Content-Type: {content_type}; name="{name}"\r\n',
        f'Content-Disposition: attachment; filename="{name}"\r\n',
    )
    return Leaf(tuple(field.encode() for field in fields), content)


def text(content: str, subtype: str = "plain") -> Leaf:
    """Text to be read, its line ends as CRLF."""
    lines = content.replace("\r\n", "\n").replace("\n", "\r\n")
    charset = "us-ascii" if lines.isascii() else "utf-8"
    return Leaf((f"Content-Type: text/{subtype}; charset={charset}\r\n".encode(),), lines.encode())


def written(entity: Entity, boundaries: Boundaries) -> bytes:
    """Header fields of the entity (MIME-Version is the message's), a blank line, and its body."""
    pieces: list[bytes] = []
    _write(entity, boundaries, pieces)
    return b"".join(pieces)


def _write(entity: Entity, boundaries: Boundaries, pieces: list[bytes]) -> None:
    if isinstance(entity, Leaf):
        encoding, body = _encoded(entity.content)
        pieces += [*entity.fields, b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n", body]
        return
    boundary = boundaries.text
    parameters = "".join(f";\r\n {each}" for each in (*entity.parameters, f'boundary="{boundary}"'))
    pieces.append(f"Content-Type: multipart/{entity.subtype}{parameters}\r\n".encode())
    for number, child in enumerate(entity.children):
        pieces.append(f"\r\n--{boundary}\r\n".encode())
        _write(child, boundaries.inside(number), pieces)
    pieces.append(f"\r\n--{boundary}--\r\n".encode())


def _encoded(content: bytes) -> tuple[bytes, bytes]:
    """The lightest encoding that no relay has reason to change, and the body in it."""
    if _BARE_LINE_END.search(content) is not None or b"\0" in content:
        return b"base64", _base64(content)
    if not (_NEEDS_CODING.search(content) or _LONG_LINE.search(content) or _UNSAFE_LINE.search(content)):
        return b"7bit", content
    quoted = _quoted_printable(content) if _mostly_plain(content) else None
    return (b"base64", _base64(content)) if quoted is None else (b"quoted-printable", quoted)


def _mostly_plain(content: bytes) -> bool:
    """Whether quoted-printable is shorter than base64, and so also readable."""
    return len(content.translate(None, _PLAIN)) * 6 < len(content)


def _quoted_printable(content: bytes) -> bytes | None:
    """None where a line would start as mailbox files mark a message's start: some stores change such lines."""
    quoted = binascii.b2a_qp(content, istext=True)
    quoted = _BARE_LINE_END.sub(b"\r\n", quoted)  # its soft breaks follow the content's first line end, if it has one
    return None if _MAILBOX_LINE.search(quoted) else quoted


def _base64(content: bytes) -> bytes:
    size = LINE // 4 * 3
    lines = (binascii.b2a_base64(content[at : at + size], newline=False) for at in range(0, len(content), size))
    return b"\r\n".join(lines) + b"\r\n"
