"""Text of a held message as it may stand in a mail of ours."""

import unicodedata
from typing import Final

_LONGEST: Final = 160
_UNREADABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories: controls, direction and other formats, surrogates, private use, unassigned, line separators."""


def readable(text: str) -> str:
    """One line without characters that hide or reorder others."""
    kept = (" " if unicodedata.category(each) in _UNREADABLE else each for each in text)
    return " ".join("".join(kept).split())


def shown(text: str) -> str:
    """One readable, short line in which no mail program finds a web address."""
    line = readable(text)
    if len(line) > _LONGEST:
        line = line[: _LONGEST - 1] + "…"
    return line.replace("://", "[:]//").replace("www.", "www[.]")
