"""One file, through all analyzers, and what they find in it as well: the whole work of a worker.

    1. what is it            TypeReader, by content
    2. who wants it          each analyzer says
    3. a Sign                becomes evidence, at its path
    4. a Child               starts again at 1, one level deeper; the same file under the same name only once
    5. the budget is spent   what was seen still counts, and that it was too much is evidence too

An analyzer that stumbles over a broken file takes nobody with it: that too is evidence, and the others go on.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cloud.analyzers.budget import Bound, Budget, BudgetExhausted
from cloud.analyzers.evidence import Analyzer, Child, Evidence, File, Finding, Sign, shown
from cloud.analyzers.kinds import Kind
from cloud.analyzers.vocabulary import (
    ARCHIVE_BOMB,
    ARCHIVE_HOLDS_ITSELF,
    ARCHIVE_TOO_DEEP,
    ARCHIVE_TOO_MANY,
    ARCHIVE_TOO_MUCH,
    DAMAGED,
    TIMEOUT,
    TOO_MANY_FINDINGS,
)
from cloud.inspection.verdicts import Findings, heaviest_first

_MOST_EVIDENCE: Final = 200
_BY_BOUND: Final = {
    Bound.MEMBERS: ARCHIVE_TOO_MANY,
    Bound.BYTES: ARCHIVE_TOO_MUCH,
    Bound.DEPTH: ARCHIVE_TOO_DEEP,
    Bound.RATIO: ARCHIVE_BOMB,
    Bound.SECONDS: TIMEOUT,
}


class Reader(Protocol):
    """Tells kinds."""

    def kind(self, content: bytes) -> Kind: ...


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file lies: the names that lead to it, and the digests of all that it lies in, itself included."""

    path: tuple[str, ...]
    lineage: tuple[bytes, ...]


class Examination:
    """Of one submitted file."""

    def __init__(self, reader: Reader, analyzers: Sequence[Analyzer], budget: Budget) -> None:
        self._reader = reader
        self._analyzers = analyzers
        self._budget = budget
        self._evidence: set[Evidence] = set()
        self._stumbles: list[str] = []
        self._known: set[tuple[bytes, str]] = set()
        self._over = False

    def examine(self, content: bytes) -> Findings:
        """Everything that can be seen in this file."""
        kind = self._reader.kind(content)
        self._look_into(File(content, kind), _Place((), (_digest(content),)))
        timed_out = any(each.name == TIMEOUT.name for each in self._evidence)
        return Findings(kind, heaviest_first(self._evidence), timed_out, tuple(self._stumbles))

    def _look_into(self, file: File, place: _Place) -> None:
        for analyzer in self._analyzers:
            if self._over:
                return
            if not analyzer.wants(file):
                continue
            for finding in self._findings(analyzer, file):
                self._take(analyzer.name, finding, place)

    def _findings(self, analyzer: Analyzer, file: File) -> Iterator[Finding]:
        try:
            yield from analyzer.examine(file, self._budget)
        except BudgetExhausted as exhausted:
            # Time and total size are spent for the file as a whole; the rest of its parts would only say so again.
            self._over = exhausted.bound in {Bound.SECONDS, Bound.BYTES, Bound.MEMBERS}
            yield _BY_BOUND[exhausted.bound]
        except Exception as error:  # noqa: BLE001 - boundary: an analyzer on a hostile file; libraries raise anything there
            self._stumbles.append(f"{analyzer.name}: {type(error).__name__}")
            yield DAMAGED

    def _take(self, analyzer: str, finding: Finding, place: _Place) -> None:
        match finding:
            case Sign():
                self._add(finding.seen_by(analyzer, place.path))
            case Child():
                self._descend(analyzer, finding, place)

    def _descend(self, analyzer: str, child: Child, place: _Place) -> None:
        digest = _digest(child.content)
        if digest in place.lineage:
            self._add(ARCHIVE_HOLDS_ITSELF.seen_by(analyzer, place.path))
            return
        if (digest, child.name) in self._known:
            return
        self._known.add((digest, child.name))
        deeper = _Place((*place.path, shown(child.name) or "(unnamed)"), (*place.lineage, digest))
        try:
            self._budget.check_depth(len(deeper.path))
        except BudgetExhausted as exhausted:
            self._add(_BY_BOUND[exhausted.bound].seen_by(analyzer, place.path))
            return
        self._look_into(File(child.content, self._reader.kind(child.content), child.name), deeper)

    def _add(self, evidence: Evidence) -> None:
        if len(self._evidence) < _MOST_EVIDENCE:
            self._evidence.add(evidence)
        else:
            self._evidence.add(TOO_MANY_FINDINGS.seen_by("analysis", ()))
            self._keep_heavier(evidence)

    def _keep_heavier(self, evidence: Evidence) -> None:
        """A heavy sign after many light ones still counts: it takes the place of the lightest."""
        lightest = min(self._evidence, key=lambda each: (each.weight, each.name, each.path))
        if evidence.weight > lightest.weight:
            self._evidence.discard(lightest)
            self._evidence.add(evidence)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
