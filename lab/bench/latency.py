"""How long one mail takes, when nobody else sends: one client in a closed loop, a session a mail, the ways mail by mail in turn.

A mail's time is from connecting to the reply to its final dot. What the device adds is the difference of the same percentile of
both; a p99 of a round is nearly its maximum.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cloud.address import Address
from lab.bench.figures import Figure, percentile
from lab.bench.goals import ADDED_MEDIAN, ADDED_P99, LATENCY_RATIO, Section
from lab.bench.plan import Plan
from lab.bench.workload import LARGE, SMALL, Workload
from lab.traffic.conversation import deliver

WORKLOADS: Final = (
    replace(SMALL, name="10 KB, one client", messages=150),
    replace(LARGE, name="1 MB, one client", messages=30),
)
WARM: Final = 5
"""Mails each way before any is counted."""


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds of each mail that went either way."""

    direct: Sequence[float]
    device: Sequence[float]


async def latency(direct: Address, device: Address, plan: Plan) -> AsyncIterator[list[Figure]]:
    """Medians and p99s, and what lies between them. Raises NotTaken."""
    for workload in (each.times(plan.share) for each in WORKLOADS):
        mail = workload.mail()
        await in_turns((direct, device), mail, WARM)
        rounds = [Round(*await in_turns((direct, device), mail, workload.messages)) for _ in range(plan.rounds)]
        yield list(figures(workload, rounds))


async def in_turns(ways: Sequence[Address], mail: bytes, count: int) -> list[list[float]]:
    """Seconds of each of `count` mails a way: mail by mail in turn, and each turn begins with another way. Raises NotTaken."""
    times: dict[Address, list[float]] = {address: [] for address in ways}
    for number in range(count):
        first = number % len(ways)
        for address in (*ways[first:], *ways[:first]):
            times[address].append(await deliver(address, mail))
    return list(times.values())


def figures(workload: Workload, rounds: Sequence[Round]) -> Iterable[Figure]:
    """What the rounds come to, in milliseconds."""
    sample = f"{workload.messages} mails each way"

    def told(measure: str, values: Sequence[float], unit: str = "ms") -> Figure:
        return Figure.of(Section.LATENCY, workload.name, measure, values, sample=sample, unit=unit)

    added = {ADDED_MEDIAN: 50, ADDED_P99: 99}
    for percent, name in ((50, "median"), (99, "p99")):
        yield told(f"direct, {name}", [_ms(each.direct, percent) for each in rounds])
        yield told(f"device, {name}", [_ms(each.device, percent) for each in rounds])
    for measure, percent in added.items():
        yield told(measure, [_ms(each.device, percent) - _ms(each.direct, percent) for each in rounds])
    yield told(LATENCY_RATIO, [_ms(each.device, 50) / _ms(each.direct, 50) for each in rounds], unit="")


def _ms(seconds: Sequence[float], percent: float) -> float:
    return 1000 * percentile(seconds, percent)
