"""What was measured, and what was wanted: figures with their spread and their goal, as a table or as JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from statistics import median
from typing import Any, Final, Self

from rich.table import Table

from lab.bench.goals import GOALS, Goal, Section


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of one value a round. `sample` is what each round's value is made of, such as "150 mails"."""

    section: Section
    subject: str
    measure: str
    unit: str
    value: float
    lowest: float
    highest: float
    rounds: int
    sample: str

    @classmethod
    def of(
        cls,
        section: Section,
        subject: str,
        measure: str,
        values: Sequence[float],
        *,
        sample: str,
        unit: str = "",
    ) -> Self:
        """One value a round, at least one."""
        return cls(section, subject, measure, unit, median(values), min(values), max(values), len(values), sample)

    @property
    def goal(self) -> Goal | None:
        """What is to be reached; None: nothing in particular."""
        return GOALS.get((self.section, self.subject, self.measure))

    def to_json(self) -> dict[str, Any]:
        """As --json prints it; `goal` is null where none is set."""
        goal = self.goal and {
            "limit": self.goal.limit,
            "at_least": self.goal.at_least,
            "reached": self.goal.reached_by(self.value),
        }
        return {
            "section": self.section.value,
            "subject": self.subject,
            "measure": self.measure,
            "unit": self.unit,
            "median": self.value,
            "lowest": self.lowest,
            "highest": self.highest,
            "rounds": self.rounds,
            "sample": self.sample,
            "goal": goal,
        }


def ratios(ours: Iterable[float], theirs: Iterable[float]) -> list[float]:
    """Round by round, so that a machine that is busy for a while makes both sides of a ratio slow."""
    return [own / other for own, other in zip(ours, theirs, strict=True)]


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of all values do not exceed (nearest rank)."""
    return sorted(values)[max(0, ceil(len(values) * percent / 100) - 1)]


WIDTH: Final = 110
"""Columns of the terminal that the table needs."""


def table(figures: Sequence[Figure]) -> Table:
    """For people: each subject has a line of its own, and its figures stand under it."""
    made = Table(title="Medians over the rounds; ratios are of what ran in the same round")
    for column, justify in _COLUMNS:
        made.add_column(column, justify=justify)
    for (section, subject), own in groupby(figures, key=lambda each: (each.section, each.subject)):
        made.add_section()
        made.add_row(f"[bold]{section.value}: {subject}")
        for each in own:
            made.add_row(*_cells(each))
    return made


_COLUMNS: Final[tuple[tuple[str, Any], ...]] = (
    ("", "left"),
    ("Median", "right"),
    ("lowest to highest", "right"),
    ("Rounds", "left"),
    ("Goal", "left"),
)


def _cells(figure: Figure) -> tuple[str, ...]:
    spread = "" if figure.rounds == 1 else f"{_number(figure.lowest)} to {_number(figure.highest)}"
    goal = figure.goal
    told = "" if goal is None else f"{goal}: {'reached' if goal.reached_by(figure.value) else 'NOT reached'}"
    value = f"{_number(figure.value)} {figure.unit}".strip()
    return f"  {figure.measure}", value, spread, f"{figure.rounds} of {figure.sample}", told


def _number(value: float) -> str:
    """Three digits that say something, large numbers whole."""
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 or not size else 3
    return f"{value:,.{digits}f}"
