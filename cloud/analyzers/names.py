"""What a member's name gives away: names that lie about what will happen when they are opened. Pure.

Only names inside of files count: they are part of the content that a verdict is kept for. What the mail calls the file is
not, or the same bytes would have another verdict under each name.
"""

import re
from collections.abc import Iterator
from typing import Final

from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import File, Finding, Sign
from cloud.analyzers.kinds import HARMLESS_EXTENSIONS, RUNNING_EXTENSIONS, extension
from cloud.analyzers.vocabulary import (
    NAME_CONTROL,
    NAME_DOUBLE_EXTENSION,
    NAME_LONG,
    NAME_PADDED,
    NAME_REVERSED,
    NAME_RUNS,
)

_LONGEST: Final = 255
_DIRECTION_MARKS: Final = frozenset("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200f")
_PADDING: Final = re.compile(r"[\s\u00a0\u2000-\u200b\u2800\u3000_.-]{12,}\.\w{1,12}\s*$")
_ENDING: Final = re.compile(r"(\.[A-Za-z0-9]{1,5})[\s\u00a0_.-]*$")


class NameAnalyzer:
    """Double extensions, reversed and padded names, extensions that run."""

    name = "name"

    def wants(self, file: File) -> bool:
        return bool(file.name)

    def examine(self, file: File, budget: Budget) -> Iterator[Finding]:  # noqa: ARG002 - names are bounded below
        yield from signs_of(file.name)


def signs_of(name: str) -> Iterator[Sign]:
    """Everything odd about one name; a path's folders count for its length and its characters alone."""
    if len(name) > _LONGEST:
        yield NAME_LONG
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        yield NAME_CONTROL
    if not _DIRECTION_MARKS.isdisjoint(name):
        yield NAME_REVERSED
    last = name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1][-1024:]
    if extension(last) in RUNNING_EXTENSIONS:
        yield from _signs_of_running(last)


def _signs_of_running(last: str) -> Iterator[Sign]:
    if _PADDING.search(last):
        yield NAME_PADDED
    stem = last.rstrip(". \t\u00a0").rpartition(".")[0]
    before = _ENDING.search(stem)
    if before and before.group(1).lower() in HARMLESS_EXTENSIONS:
        yield NAME_DOUBLE_EXTENSION
    else:
        yield NAME_RUNS
