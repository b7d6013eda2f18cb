"""How many mails a second go each way, and what processor time that costs: smtp-source sends, the ways take turns.

Every round begins with another way, so that what else the machine does meets them all alike.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

from lab.bench.figures import Figure, ratios
from lab.bench.goals import CPU_PER_GIGABYTE, CPU_PER_MAIL, DEVICE_TO_DIRECT, DEVICE_TO_NGINX, Section
from lab.bench.peers import DEVICE, DIRECT, NGINX, Peer
from lab.bench.plan import Plan
from lab.bench.processes import cpu_seconds
from lab.bench.workload import HUGE, LARGE, SMALL, Workload
from lab.programs import run

WORKLOADS: Final = (SMALL, LARGE, HUGE)
REFERENCE: Final = 3
"""So many times the mails for what is quick: the start of smtp-source (25 ms) would count otherwise."""
_SECONDS: Final = 300.0
_RECONNECTS: Final = "20"
_MEGABYTE: Final = 1_000_000
_GIGABYTE: Final = 1_000_000_000


class RunFailed(Exception):
    """smtp-source met a reply or a connection that it did not expect; the text is its own."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one peer did in one round. `cpu_seconds` is None where there is no process to look at."""

    workload: Workload
    peer: str
    round: int
    seconds: float
    cpu_seconds: float | None

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.workload.messages / self.seconds


async def rates(peers: Sequence[Peer], plan: Plan, folder: Path) -> AsyncIterator[list[Figure]]:
    """Both sections that the runs give, rates and processor time, workload by workload. Raises RunFailed."""
    for workload in (each.times(plan.share) for each in WORKLOADS):
        mail = workload.write(folder)
        for peer in peers:
            await send(workload.times(0.1), peer, mail)  # connections, memory and verdicts are warm then
        runs = []
        for number in range(plan.rounds):
            runs += [await _measured(workload, peer, mail, number) for peer in in_turn(peers, number)]
        yield figures(runs)


def in_turn(peers: Sequence[Peer], number: int) -> list[Peer]:
    """The peers in the order of that round."""
    first = number % len(peers)
    return [*peers[first:], *peers[:first]]


async def send(workload: Workload, peer: Peer, mail: Path) -> float:
    """Let smtp-source send a workload's mails; the seconds that it takes. Raises RunFailed."""
    arguments = ("-s", str(workload.sessions), "-m", str(workload.messages), "-C", _RECONNECTS, "-F", mail)
    addresses = ("-f", "bench@example.com", "-t", "bench@example.net", str(peer.address))
    began = perf_counter()
    done = await run("smtp-source", *arguments, *addresses, seconds=_SECONDS)
    if done.status or done.said:
        raise RunFailed(f"{workload.name} through {peer.name}: {done.said.strip()}")
    return perf_counter() - began


async def _measured(workload: Workload, peer: Peer, mail: Path, number: int) -> Run:
    if peer.name != DEVICE:
        workload = workload.times(REFERENCE)
    before = None if peer.pid is None else cpu_seconds(peer.pid)
    seconds = await send(workload, peer, mail)
    used = None if peer.pid is None or before is None else cpu_seconds(peer.pid) - before
    return Run(workload, peer.name, number, seconds, used)


def figures(runs: Iterable[Run]) -> list[Figure]:
    """What the runs of one workload come to: rates first, then processor time."""
    by_peer: dict[str, list[Run]] = {}
    for each in sorted(runs, key=lambda run: run.round):
        by_peer.setdefault(each.peer, []).append(each)
    return [*_rates(by_peer), *(figure for own in by_peer.values() for figure in _cpu(own))]


def _rates(peers: dict[str, list[Run]]) -> Iterable[Figure]:
    """Each way's rate, and the device's ratio to each of the others."""
    for own in peers.values():
        work, sample = own[0].workload, _sample(own)
        speeds = [run.rate for run in own]
        yield Figure.of(Section.RATES, work.name, own[0].peer, speeds, sample=sample, unit="mails/s")
        megabytes = [rate * work.size / _MEGABYTE for rate in speeds]
        yield Figure.of(Section.RATES, work.name, own[0].peer, megabytes, sample=sample, unit="MB/s")
    if NGINX in peers:
        yield _ratio(peers[NGINX], peers[DIRECT], f"{NGINX} / {DIRECT}")
    for other, measure in ((DIRECT, DEVICE_TO_DIRECT), (NGINX, DEVICE_TO_NGINX)):
        if other in peers and DEVICE in peers:
            yield _ratio(peers[DEVICE], peers[other], measure)


def _ratio(own: Sequence[Run], others: Sequence[Run], measure: str) -> Figure:
    found = ratios((run.rate for run in own), (run.rate for run in others))
    return Figure.of(Section.RATES, own[0].workload.name, measure, found, sample=_sample(own))


def _cpu(own: Sequence[Run]) -> Iterable[Figure]:
    """User and system time of the way's own process."""
    used = [run.cpu_seconds for run in own if run.cpu_seconds is not None]
    if not used:
        return
    work, peer, sample = own[0].workload, own[0].peer, _sample(own)
    a_mail = [1000 * seconds / work.messages for seconds in used]
    a_gigabyte = [seconds * _GIGABYTE / (work.messages * work.size) for seconds in used]
    names = (CPU_PER_MAIL, CPU_PER_GIGABYTE) if peer == DEVICE else (f"{peer}, a mail", f"{peer}, a GB")
    yield Figure.of(Section.CPU, work.name, names[0], a_mail, sample=sample, unit="ms")
    yield Figure.of(Section.CPU, work.name, names[1], a_gigabyte, sample=sample, unit="s")


def _sample(runs: Sequence[Run]) -> str:
    return f"{runs[0].workload.messages:,} mails"
