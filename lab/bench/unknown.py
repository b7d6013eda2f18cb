"""Content that nobody has seen: every mail has a new attachment, which is looked up, uploaded and scored before the mail goes on.

Once with a trivial scorer in another process, which hashes and answers: what the device and its upload cost. Once with the real
cloud, which analyses: what a site does on this machine, analysis included. smtp-source sends one and the same mail, so another
source sends here (lab.traffic.conversation); "direct" is smtp-source's rate all the same, since that one is quicker.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from cloud.address import Address
from lab.bench.figures import Figure, ratios
from lab.bench.goals import TRIVIAL_TO_DIRECT, Section
from lab.bench.peers import DIRECT, Peer
from lab.bench.plan import Plan
from lab.bench.rates import send
from lab.bench.verdicts import every_verdict_came
from lab.bench.workload import LARGE, SMALL, Workload
from lab.traffic.conversation import deliver_all

WORKLOADS: Final = (SMALL.times(0.25), LARGE.times(0.6))
SAME_SOURCE: Final = "direct, new mails"
TRIVIAL: Final = "device and trivial scorer"
CLOUD: Final = "device and cloud"
_REFERENCE: Final = 8
"""So many times the mails for smtp-source, as lab.bench.rates says."""


@dataclass(frozen=True, slots=True)
class Ways:
    """Where mail is sent to."""

    direct: Address
    trivial: Peer
    cloud: Peer


async def unknown(ways: Ways, plan: Plan, folder: Path) -> AsyncIterator[list[Figure]]:
    """Rates, and their ratios to direct. Raises RunFailed, NotTaken."""
    for workload in (each.times(plan.share) for each in WORKLOADS):
        turns = _turns(ways, workload, folder)
        for turn in turns.values():
            await turn()  # connections and memory are warm then
        rounds = [await _round(turns, number) for number in range(plan.rounds)]
        for device in (ways.trivial, ways.cloud):
            assert device.state is not None
            await every_verdict_came(device.state)
        yield list(figures(workload, rounds))


def _turns(ways: Ways, workload: Workload, folder: Path) -> dict[str, Callable[[], Awaitable[float]]]:
    """What is done in a round, by name; each gives mails a second."""
    mails, same = workload.new_mails(), workload.write(folder)
    more = workload.times(_REFERENCE)

    async def quick() -> float:
        return more.messages / await send(more, Peer(DIRECT, ways.direct), same)

    def to(address: Address) -> Callable[[], Awaitable[float]]:
        async def turn() -> float:
            fresh = list(islice(mails, workload.messages))
            return workload.messages / await deliver_all(address, fresh, workload.sessions)

        return turn

    return {
        DIRECT: quick,
        SAME_SOURCE: to(ways.direct),
        TRIVIAL: to(ways.trivial.address),
        CLOUD: to(ways.cloud.address),
    }


async def _round(turns: dict[str, Callable[[], Awaitable[float]]], number: int) -> dict[str, float]:
    names = list(turns)
    first = number % len(names)
    return {name: await turns[name]() for name in (*names[first:], *names[:first])}


def figures(workload: Workload, rounds: Sequence[dict[str, float]]) -> Iterable[Figure]:
    """What the rounds come to; a round is mails a second by way."""
    sample = f"{workload.messages} mails"
    by_way = {way: [each[way] for each in rounds] for way in (DIRECT, SAME_SOURCE, TRIVIAL, CLOUD)}

    def told(measure: str, values: Sequence[float], unit: str = "") -> Figure:
        return Figure.of(Section.UNKNOWN, workload.name, measure, values, sample=sample, unit=unit)

    for way, values in by_way.items():
        yield told(way, values, "mails/s")
    yield told(TRIVIAL_TO_DIRECT, ratios(by_way[TRIVIAL], by_way[DIRECT]))
    yield told(f"{TRIVIAL} / {SAME_SOURCE}", ratios(by_way[TRIVIAL], by_way[SAME_SOURCE]))
    yield told(f"{CLOUD} / {DIRECT}", ratios(by_way[CLOUD], by_way[DIRECT]))
