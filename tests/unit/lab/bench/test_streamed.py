"""What holding and streaming cost beside direct."""

import pytest

from lab.bench.goals import STREAMED_RATIO
from lab.bench.streamed import Round, figures
from lab.bench.workload import Workload

WORK = Workload("one client", 10_000_000, 1, 3)


def test_ratios_are_of_medians_in_one_round() -> None:
    """Milliseconds for the ways themselves."""
    rounds = [
        Round([0.040, 0.050, 0.090], [0.060, 0.075, 0.080], [0.050, 0.055, 0.200]),
        Round([0.100, 0.100, 0.100], [0.120, 0.130, 0.140], [0.115, 0.120, 0.125]),
    ]
    found = {each.measure: each for each in figures(WORK, rounds)}
    assert (found[STREAMED_RATIO].lowest, found[STREAMED_RATIO].highest) == pytest.approx((1.1, 1.2))
    held = found["device holding / direct, median"]
    assert (held.lowest, held.highest) == pytest.approx((1.3, 1.5))
    assert found["direct, median"].unit == "ms"
    assert found["direct, median"].value == pytest.approx(75)
    assert {each.sample for each in found.values()} == {"3 mails each way"}
