"""What an analyzer may say: signs that it saw, and files that it found inside. Nothing else leaves an analyzer.

    File ──► Analyzer.examine() ──► Sign    "the macros start by themselves"      weight, sentence
                                └─► Child   a member, a macro's source, an embedded object; examined as a file of its own

An examination (cloud/inspection) turns each Sign into an Evidence by adding who said it and where. All signs but those of
the YARA rules stand in vocabulary.py, so that weights can be compared at a glance.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Protocol, Self

from cloud.analyzers.budget import Budget
from cloud.analyzers.kinds import Kind

WORST: Final = 10
NAME_LIMIT: Final = 160
"""Characters of a member's name that evidence shows; file names of 64 KB exist."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing seen in one place. `weight` is what it alone would score; `path` names members, outermost first.

    `detail` is a sentence for a person and holds no content of the file. `unopened` marks what could not be looked into.
    """

    analyzer: str
    name: str
    weight: int
    detail: str
    path: tuple[str, ...] = ()
    unopened: bool = False


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that an analyzer knows how to see. `at` is a place inside the file at hand."""

    name: str
    weight: int
    sentence: str
    unopened: bool = False
    at: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= WORST:
            raise ValueError(f"{self.name} weighs {self.weight}, not 0 to {WORST}")

    def inside(self, member: str) -> Self:
        """The same sign, seen at that member."""
        return replace(self, at=(*self.at, shown(member)))

    def seen_by(self, analyzer: str, path: tuple[str, ...]) -> Evidence:
        """The evidence that this sign becomes in the file at that path."""
        return Evidence(analyzer, self.name, self.weight, self.sentence, (*path, *self.at), self.unopened)


@dataclass(frozen=True, slots=True)
class Child:
    """A file found inside another. `name` as it stands there, unchecked."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class File:
    """What an analyzer is given. `name` is empty for the file that was submitted: what the mail calls it is not its content."""

    content: bytes
    kind: Kind
    name: str = ""


Finding = Sign | Child


class Analyzer(Protocol):
    """Looks at one kind of file. Bytes in, findings out; no clock, no network, no disk.

    May raise anything on broken input: the examination takes that as a sign. Work that the file's author can multiply is
    drawn from the budget, which raises BudgetExhausted.
    """

    name: str

    def wants(self, file: File) -> bool:
        """Whether there is anything for this analyzer in such a file."""

    def examine(self, file: File, budget: Budget) -> Iterator[Finding]:
        """What is in it, said as soon as it is seen."""


def shown(name: str) -> str:
    """A member's name as a person may safely see it: one line, no direction marks, valid UTF-8, not endless."""
    visible = "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in name)
    return visible if len(visible) <= NAME_LIMIT else visible[: NAME_LIMIT - 1] + "…"
