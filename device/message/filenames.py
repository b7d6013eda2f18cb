"""The file name of a part, from wherever readers take it, made safe to show.

Source: RFC 2183, section 2.3 (receivers must not trust names); RFC 2231; Content-Type's name is older and still read.
"""

import re
import unicodedata
from typing import Final

LONGEST: Final = 255
"""Characters; what common file systems take."""

NAMELESS: Final = "unnamed"
"""What a part is called whose name has nothing in it that can be shown."""

_BIDIRECTIONAL: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LONGEST_SUFFIX: Final = 20
_PLAIN: Final = re.compile(r"\w[\w-]{0,99}\.\w{1,20}", re.ASCII)


def safe(name: str) -> str:
    """A name without folders, control and direction characters, at most 255 characters long, its suffix kept."""
    if name.isascii() and name.isprintable() and _PLAIN.fullmatch(name):
        return name
    bare = name.replace("\\", "/").rstrip("/ ").rpartition("/")[2]
    shown = "".join(character for character in bare if _can_be_shown(character))
    shown = " ".join(shown.split()).strip(". ") if set(shown) <= set(". ") else " ".join(shown.split())
    return _shortened(unicodedata.normalize("NFC", shown)) or NAMELESS


def _can_be_shown(character: str) -> bool:
    return character not in _BIDIRECTIONAL and unicodedata.category(character) not in {"Cc", "Cs", "Cn", "Zl", "Zp"}


def _shortened(name: str) -> str:
    if len(name) <= LONGEST:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > _LONGEST_SUFFIX:
        return name[:LONGEST]
    return stem[: LONGEST - len(suffix) - 1] + "." + suffix
