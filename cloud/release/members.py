"""Names inside the ZIP: safe to unpack anywhere, unique whatever the file system, in the message's order."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_LONGEST: Final = 120
"""Characters of a name: with four bytes each and a number behind it, some file systems take 255 bytes no longer."""

_FORBIDDEN: Final = re.compile(r'[<>:"/\\|?*]')
_DEVICE: Final = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|\Z)")
_EXTENSIONS: Final = {
    "message/rfc822": ".eml",
    "text/html": ".html",
    "text/plain": ".txt",
    "application/ms-tnef": ".dat",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file on its way into the ZIP: the name that the message gives it, empty without one, its type and content."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Member:
    """A file with the name that it has inside the ZIP."""

    name: str
    content: bytes


def members(files: Iterable[File]) -> tuple[Member, ...]:
    """The files as members, in order."""
    taken: dict[str, int] = {}
    found = []
    for number, file in enumerate(files, start=1):
        name = _safe(file.name) or f"attachment-{number}{_EXTENSIONS.get(file.content_type, '.bin')}"
        found.append(Member(_unique(name, taken), file.content))
    return tuple(found)


def _safe(name: str) -> str:
    """The name without paths, control and direction characters, and what Windows does not take; empty if nothing is left."""
    visible = "".join(each for each in name if unicodedata.category(each) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))
    last = re.split(r"[/\\]", visible)[-1]
    plain = _FORBIDDEN.sub("_", last).strip(" .")
    return f"_{_shortened(plain)}" if _DEVICE.match(plain) else _shortened(plain)


def _shortened(name: str) -> str:
    stem, extension = _parts(name)
    room = max(_LONGEST - len(extension), 1)
    return (stem[:room] + extension)[:_LONGEST].strip(" .")


def _unique(name: str, taken: dict[str, int]) -> str:
    """The name, with a number where it is taken; `taken` remembers the last number of each name."""
    stem, extension = _parts(name)
    candidate = name
    while _folded(candidate) in taken:
        number = taken[_folded(name)] = taken[_folded(name)] + 1
        candidate = f"{stem} ({number}){extension}"
    taken[_folded(candidate)] = 1
    return candidate


def _parts(name: str) -> tuple[str, str]:
    stem, dot, extension = name.rpartition(".")
    return (stem, f".{extension}") if dot and stem and len(extension) <= 16 else (name, "")


def _folded(name: str) -> str:
    """Equal where any common file system sees one file."""
    return unicodedata.normalize("NFC", name).casefold()
