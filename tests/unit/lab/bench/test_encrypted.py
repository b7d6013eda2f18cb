"""Encrypted rates from rounds."""

import pytest

from lab.bench.encrypted import Round, figures
from lab.bench.workload import Workload


def test_ratio_and_processor_time_come_from_the_rounds() -> None:
    rounds = [Round(direct=100, device=50, cpu_seconds=0.2), Round(direct=10, device=5, cpu_seconds=0.4)]
    found = {each.measure: each for each in figures(Workload("w", 10_000, 5, 100), rounds)}
    assert (found["device / direct"].lowest, found["device / direct"].highest) == (0.5, 0.5)
    assert found["device, CPU a mail"].value == pytest.approx(3)
    assert found["device, CPU a mail"].unit == "ms"
