"""Medians, percentiles and ratios; goals beside figures."""

import io

import pytest
from rich.console import Console

from lab.bench.figures import WIDTH, Figure, percentile, ratios, table
from lab.bench.goals import BASE, CPU_PER_MAIL, GOALS, RESIDENT, Goal, Section, at_least, at_most
from lab.bench.workload import SMALL


def base(*megabytes: float) -> Figure:
    return Figure.of(Section.MEMORY, BASE, RESIDENT, megabytes, sample="a fresh device", unit="MB")


def test_a_figure_is_the_median_and_tells_the_spread() -> None:
    """Not the best, not the mean."""
    figure = base(90, 70, 71)
    assert (figure.value, figure.lowest, figure.highest, figure.rounds) == (71, 70, 90, 3)


@pytest.mark.parametrize(
    ("percent", "value"),
    [(50, 2), (75, 3), (76, 4), (99, 4), (100, 4), (1, 1)],
)
def test_a_percentile_is_one_of_the_values(percent: float, value: float) -> None:
    """Nearest rank: the smallest that so many percent do not exceed."""
    assert percentile([4, 1, 3, 2], percent) == value


def test_ratios_are_of_one_round_each() -> None:
    """The second round was slow for both alike: that is no difference between them."""
    assert ratios([10, 5], [20, 10]) == [0.5, 0.5]


def test_rounds_that_do_not_match_are_no_ratio() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratios([1, 2], [1])


@pytest.mark.parametrize(
    ("goal", "value", "reached"),
    [
        (at_least(0.45), 0.45, True),
        (at_least(0.45), 0.449, False),
        (at_most(0.40), 0.40, True),
        (at_most(0.40), 0.41, False),
    ],
)
def test_a_limit_itself_is_good_enough(goal: Goal, value: float, reached: bool) -> None:
    assert goal.reached_by(value) is reached


def test_a_figure_knows_its_goal() -> None:
    """By section, subject and measure; others have none."""
    assert base(1).goal == at_most(80)
    assert Figure.of(Section.CPU, SMALL.name, CPU_PER_MAIL, [1.0], sample="").goal == at_most(0.4)
    assert Figure.of(Section.CPU, "other", CPU_PER_MAIL, [1.0], sample="").goal is None
    assert str(GOALS[Section.MEMORY, BASE, RESIDENT]) == "≤ 80"


def test_json_says_whether_the_goal_is_reached() -> None:
    told = base(81).to_json()
    assert told["median"] == 81
    assert told["goal"] == {"limit": 80, "at_least": False, "reached": False}
    assert Figure.of(Section.TLS, "a", "b", [1.0], sample="").to_json()["goal"] is None


def test_the_table_names_a_subject_once_and_its_goals() -> None:
    out = io.StringIO()
    other = Figure.of(Section.MEMORY, BASE, "something else", [1234.0, 0.012], sample="a fresh device")
    Console(file=out, width=WIDTH).print(table([base(81.26), other]))
    said = out.getvalue()
    assert said.count(f"memory: {BASE}") == 1
    assert "81.3 MB" in said
    assert "≤ 80: NOT reached" in said
    assert "0.012 to 1,234" in said
