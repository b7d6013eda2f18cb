"""From byte ranges of a message to text that may be shown: transfer encoding undone, charset decoded, traps taken out.

The device says what a part's encoding and charset are; here nothing is guessed and no MIME is parsed. Whatever is broken
becomes U+FFFD, never an error: a held message is hostile by definition.
"""

import codecs
import unicodedata
from typing import Final

from cloud.quarantine.transfer import decoded

_OF_TEXT: Final = frozenset({"", "7bit", "8bit", "binary", "quoted-printable", "base64"})

# By Python's names for them. Its other codecs are no charsets of mail, and some are slow on purpose-made bytes (punycode).
_CHARSETS: Final = frozenset(
    {
        "ascii",
        "utf-8",
        "utf-7",
        "utf-16",
        "utf-16-be",
        "utf-16-le",
        "utf-32",
        "big5",
        "big5hkscs",
        "gb2312",
        "gbk",
        "gb18030",
    }
    | {"shift_jis", "cp932", "euc_jp", "euc_kr", "cp949", "johab", "iso2022_jp", "iso2022_jp_2", "iso2022_kr"}
    | {"koi8-r", "koi8-u", "mac-roman", "tis-620", "cp437", "cp850", "cp852", "cp866", "cp874", "hz"}
    | {f"iso8859-{number}" for number in range(1, 17)}
    | {f"cp{number}" for number in range(1250, 1259)}
)

# They make text read otherwise than it stands: "cod.exe" shown as "exe.doc" (Trojan Source, CVE-2021-42574).
_TURNS_TEXT_ROUND: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
_LINE_MARKS: Final = frozenset("\n\t")
_REPLACED: Final = "\N{REPLACEMENT CHARACTER}"


def without_encoding(raw: bytes, transfer_encoding: str) -> bytes | None:
    """The content of a body; None for an encoding that is no encoding of text (uuencode, yEnc) or not known."""
    encoding = transfer_encoding.lower()
    return decoded(raw, encoding) if encoding in _OF_TEXT else None


def as_text(content: bytes, charset: str) -> str:
    """Text with line feeds as line ends and no character that could turn it round or end it; for HTML and plain text alike."""
    return _mended(content.decode(_codec(charset), errors="replace").replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str, limit: int) -> str:
    """A subject, a name, a field's value on one line, cut to so many characters."""
    line = _mended(text[: limit + 1]).replace("\n", " ").replace("\t", " ").strip()
    return line if len(text) <= limit else f"{line[:limit]}…"


def _codec(charset: str) -> str:
    try:
        name = codecs.lookup(charset).name if charset.isascii() and "\0" not in charset else ""
    except (LookupError, ValueError):
        name = ""
    return name if name in _CHARSETS else "utf-8"


def _mended(text: str) -> str:
    return text if text.isascii() and text.isprintable() else "".join(map(_mended_character, text))


def _mended_character(character: str) -> str:
    if character in _LINE_MARKS:
        return character
    if character in _TURNS_TEXT_ROUND or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return _REPLACED
    return character
