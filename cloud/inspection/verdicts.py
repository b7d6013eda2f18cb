"""What the cloud thinks of a file: the value that is kept, and answered. Pure.

A verdict belongs to content and rule set alone. What the mail called the file has no part in it: the same bytes have the
same verdict under every name, or the first sender of a file would decide it for all later ones.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NewType, Self

from cloud.analyzers.evidence import Evidence
from cloud.analyzers.kinds import Kind
from cloud.inspection.score import is_unopened, score

Digest = NewType("Digest", bytes)
"""A SHA-256, 32 bytes."""

RuleSet = NewType("RuleSet", str)
"""Names rules and analyzers together: a verdict of another rule set is none."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What an examination saw: the file's kind, and the evidence with the heaviest first.

    `passing` ones may come out otherwise another time (a loaded machine). `stumbles` name analyzers and the types of errors
    that they met: for the log.
    """

    kind: Kind
    evidence: tuple[Evidence, ...]
    passing: bool = False
    stumbles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """A score from 0 (clean) to 10 (worst), and why."""

    sha256: Digest
    score: int
    content_type: str
    category: str
    evidence: tuple[Evidence, ...]
    rule_set: RuleSet
    unopened: bool = False

    @classmethod
    def from_findings(cls, sha256: Digest, rule_set: RuleSet, findings: Findings) -> Self:
        """The verdict on a file that was examined."""
        return cls(
            sha256=sha256,
            score=score(findings.evidence),
            content_type=findings.kind.media_type,
            category=findings.kind.category.value,
            evidence=findings.evidence,
            rule_set=rule_set,
            unopened=is_unopened(findings.evidence),
        )

    @classmethod
    def pinned(cls, sha256: Digest, rule_set: RuleSet, fixed: int, reason: str) -> Self:
        """The verdict that somebody fixed, whatever the analyzers think."""
        return cls(sha256, fixed, "", "", (Evidence("pin", "pin.fixed", fixed, reason),), rule_set)


def heaviest_first(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Each once, in an order that doesn't depend on who looked first."""
    return tuple(sorted(set(evidence), key=lambda each: (-each.weight, each.name, each.path)))
