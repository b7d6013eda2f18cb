"""Medians over rounds, ratios within a round."""

import pytest

from lab.bench.measure import Run
from lab.bench.peers import DEVICE, DIRECT, NGINX
from lab.bench.results import Result, results
from lab.bench.workload import Workload

WORK = Workload("10 KB", 10_000, 5, 1_000)


def run(peer: str, number: int, seconds: float, cpu: float | None = None) -> Run:
    return Run(WORK, peer, number, seconds, cpu)


def of(found: list[Result], peer: str) -> Result:
    (result,) = (each for each in found if each.peer == peer)
    return result


def test_a_ratio_compares_what_ran_in_the_same_round() -> None:
    """The second round was slow for both alike: that is no difference between them."""
    runs = [run(DIRECT, 0, 1.0), run(DEVICE, 0, 2.0, 0.5), run(DIRECT, 1, 4.0), run(DEVICE, 1, 8.0, 0.7)]
    device = of(results(runs), DEVICE)
    assert device.to_direct == pytest.approx(0.5)
    assert (device.lowest, device.highest) == (125, 500)
    assert device.cpu_ms == pytest.approx(0.6)


def test_the_median_is_told_not_the_best() -> None:
    runs = [run(DIRECT, number, seconds) for number, seconds in enumerate((1.0, 2.0, 10.0))]
    direct = of(results(runs), DIRECT)
    assert (direct.rate, direct.megabytes, direct.to_direct) == (500, 5, 1)


def test_without_nginx_there_is_no_ratio_to_it() -> None:
    assert of(results([run(DIRECT, 0, 1.0)]), DIRECT).to_nginx is None
    assert of(results([run(DIRECT, 0, 1.0), run(NGINX, 0, 2.0)]), DIRECT).to_nginx == pytest.approx(2)


def test_peers_stand_in_the_order_of_the_first_round() -> None:
    runs = [run(DEVICE, 1, 1.0), run(DIRECT, 1, 1.0), run(DIRECT, 0, 1.0), run(DEVICE, 0, 1.0)]
    assert [each.peer for each in results(runs)] == [DIRECT, DEVICE]
