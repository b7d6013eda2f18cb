"""Rates and processor time from runs; ways take turns."""

import pytest

from lab.bench.figures import Figure
from lab.bench.goals import CPU_PER_GIGABYTE, CPU_PER_MAIL, DEVICE_TO_DIRECT, DEVICE_TO_NGINX, Section
from lab.bench.peers import DEVICE, DIRECT, NGINX, Peer
from lab.bench.rates import Run, figures, in_turn
from lab.bench.workload import Workload
from lab.site import free_address

WORK = Workload("10 KB", 10_000, 5, 1_000)


def run(peer: str, number: int, seconds: float, cpu: float | None = None) -> Run:
    return Run(WORK, peer, number, seconds, cpu)


def of(found: list[Figure], section: Section, measure: str, unit: str = "") -> Figure:
    (figure,) = (each for each in found if (each.section, each.measure, each.unit) == (section, measure, unit))
    return figure


def test_a_ratio_compares_what_ran_in_the_same_round() -> None:
    """Whatever the order of the runs."""
    runs = [run(DEVICE, 1, 8.0, 0.7), run(DIRECT, 0, 1.0), run(DEVICE, 0, 2.0, 0.5), run(DIRECT, 1, 4.0)]
    ratio = of(figures(runs), Section.RATES, DEVICE_TO_DIRECT)
    assert (ratio.value, ratio.lowest, ratio.highest) == (0.5, 0.5, 0.5)


def test_ways_with_other_numbers_of_mails_compare_by_rate() -> None:
    """Quick ways send more."""
    runs = [Run(WORK.times(3), DIRECT, 0, 3.0, None), run(DEVICE, 0, 2.0, 0.5)]
    assert of(figures(runs), Section.RATES, DEVICE_TO_DIRECT).value == 0.5


def test_rates_are_of_mails_and_bytes() -> None:
    runs = [run(DIRECT, number, seconds) for number, seconds in enumerate((1.0, 2.0, 10.0))]
    found = figures(runs)
    assert of(found, Section.RATES, DIRECT, "mails/s").value == 500
    assert of(found, Section.RATES, DIRECT, "MB/s").value == 5
    assert not [each for each in found if each.section is Section.CPU]


def test_processor_time_is_told_by_mail_and_by_byte() -> None:
    """1,000 mails of 10 KB are 10 MB."""
    found = figures([run(DIRECT, 0, 1.0), run(DEVICE, 0, 2.0, 0.5), run(DIRECT, 1, 1.0), run(DEVICE, 1, 2.0, 0.7)])
    assert of(found, Section.CPU, CPU_PER_MAIL, "ms").value == pytest.approx(0.6)
    assert of(found, Section.CPU, CPU_PER_GIGABYTE, "s").value == pytest.approx(60)


def test_without_nginx_there_is_no_ratio_to_it() -> None:
    found = figures([run(DIRECT, 0, 1.0), run(DEVICE, 0, 2.0)])
    assert DEVICE_TO_NGINX not in {each.measure for each in found}
    found = figures([run(DIRECT, 0, 1.0), run(NGINX, 0, 1.0), run(DEVICE, 0, 2.0)])
    assert of(found, Section.RATES, DEVICE_TO_NGINX).value == 0.5


def test_each_round_begins_with_another_way() -> None:
    peers = [Peer(name, free_address()) for name in "abc"]
    orders = ["".join(peer.name for peer in in_turn(peers, number)) for number in range(4)]
    assert orders == ["abc", "bca", "cab", "abc"]
