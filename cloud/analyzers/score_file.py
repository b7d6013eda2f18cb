"""Test files with a known score, for developers: the first line SRXLAB-SCORE: 7 makes a text score 7, on every replica, always.

A request can only add to what else is seen: it is no way to have something bad called clean. Pure.
"""

import re
from collections.abc import Iterator
from typing import Final

from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import File, Finding
from cloud.analyzers.vocabulary import TEST_SCORES

_FIRST_LINE: Final = re.compile(rb"(?:\xef\xbb\xbf)?SRXLAB-SCORE:[ \t]*(\d{1,2})[ \t]*(?:\r?\n|$)")


class ScoreFileAnalyzer:
    """Reads the score that a test file asks for."""

    name = "test"

    def wants(self, file: File) -> bool:
        return b"SRXLAB-SCORE" in file.content[:16]

    def examine(self, file: File, budget: Budget) -> Iterator[Finding]:  # noqa: ARG002 - one line
        asked = _FIRST_LINE.match(file.content)
        if asked and int(asked[1]) < len(TEST_SCORES):
            yield TEST_SCORES[int(asked[1])]
