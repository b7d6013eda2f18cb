"""What the device adds to one mail's time."""

import pytest

from lab.bench.goals import ADDED_MEDIAN, ADDED_P99, LATENCY_RATIO
from lab.bench.latency import Round, figures
from lab.bench.workload import Workload

WORK = Workload("one client", 10_000, 1, 3)


def test_added_is_the_difference_of_the_same_percentile_in_one_round() -> None:
    """In milliseconds; the ratio is of medians."""
    rounds = [Round([0.001, 0.002, 0.004], [0.003, 0.004, 0.010]), Round([0.010, 0.020, 0.040], [0.022, 0.022, 0.047])]
    found = {each.measure: each for each in figures(WORK, rounds)}
    assert (found[ADDED_MEDIAN].lowest, found[ADDED_MEDIAN].highest) == pytest.approx((2, 2))
    assert (found[ADDED_P99].lowest, found[ADDED_P99].highest) == pytest.approx((6, 7))
    assert (found[LATENCY_RATIO].lowest, found[LATENCY_RATIO].highest) == pytest.approx((1.1, 2))
    assert found["direct, median"].unit == "ms"
    assert found["direct, median"].value == pytest.approx(11)
