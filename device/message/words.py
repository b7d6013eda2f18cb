"""Header text for people: encoded words decoded, folding and control characters gone.

Source: RFC 2047; RFC 6532 for UTF-8 in headers.
"""

import binascii
import codecs
import re
from collections.abc import Iterator
from typing import Final

from device.message.fields import unfolded

_WORD: Final = re.compile(rb"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?]*)\?=")
_BETWEEN_WORDS: Final = re.compile(rb"(\?=)\s+(?==\?[^?\s]{1,100}\?[bBqQ]\?)")
_NOT_FOR_MAIL: Final = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})
_CONTROLS: Final = {
    **dict.fromkeys((*range(32), *range(127, 160))),
    **dict.fromkeys((9, 10, 13), " "),
}


def display(value: bytes) -> str:
    """A field's value as people read it."""
    if value.isascii() and b"=?" not in value:
        plain = value.decode("ascii").strip()
        return plain if plain.isprintable() else plain.replace("\r", "").replace("\n", "").translate(_CONTROLS).strip()
    return decoded(unfolded(value)).translate(_CONTROLS).strip()


def decoded(value: bytes) -> str:
    """Encoded words decoded; bytes between them read as UTF-8, or else as Latin-1."""
    joined = _BETWEEN_WORDS.sub(rb"\1", value)
    return "".join(text(content, charset) for content, charset in _merged(_runs(joined)))


def text(content: bytes, charset: str) -> str:
    """Bytes in a charset; what is unknown or wrong is shown as well as can be, never an error."""
    try:
        name = codecs.lookup(charset).name.replace("-", "_")
        return content.decode("utf-8" if name in _NOT_FOR_MAIL else name, "replace")
    except (LookupError, ValueError):
        return _guessed(content)


def _guessed(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _runs(value: bytes) -> Iterator[tuple[bytes, str]]:
    position = 0
    for word in _WORD.finditer(value):
        if word.start() > position:
            yield value[position : word.start()], ""
        yield _word_content(word[2].lower(), word[3]), word[1].decode("latin-1").lower()
        position = word.end()
    if position < len(value):
        yield value[position:], ""


def _merged(runs: Iterator[tuple[bytes, str]]) -> Iterator[tuple[bytes, str]]:
    """Neighbours of one charset as one: some writers cut a character in two."""
    content, charset = b"", ""
    for more, its_charset in runs:
        if its_charset != charset and content:
            yield content, charset
            content = b""
        content, charset = content + more, its_charset
    if content:
        yield content, charset


def _word_content(kind: bytes, content: bytes) -> bytes:
    if kind == b"q":
        return binascii.a2b_qp(content, header=True)
    clean = re.sub(rb"[^A-Za-z0-9+/]", b"", content)
    clean = clean[:-1] if len(clean) % 4 == 1 else clean
    return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))
