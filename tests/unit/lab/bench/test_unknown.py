"""New content: what is compared with what."""

from lab.bench.goals import TRIVIAL_TO_DIRECT
from lab.bench.peers import DIRECT
from lab.bench.unknown import CLOUD, SAME_SOURCE, TRIVIAL, figures
from lab.bench.workload import Workload


def test_direct_is_the_quicker_source_and_the_same_source_is_told_beside() -> None:
    """A slow source must not make the device look quick."""
    rounds = [{DIRECT: 100.0, SAME_SOURCE: 50.0, TRIVIAL: 25.0, CLOUD: 10.0}]
    found = {each.measure: each.value for each in figures(Workload("w", 1, 1, 1), rounds)}
    assert found[TRIVIAL_TO_DIRECT] == 0.25
    assert found[f"{TRIVIAL} / {SAME_SOURCE}"] == 0.5
    assert found[f"{CLOUD} / {DIRECT}"] == 0.1
