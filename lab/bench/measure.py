"""One measurement: smtp-source sends a round's mails through one peer; how long it takes, and what processor time it costs.

Peers take turns in every round, each round beginning with another one, so that what else the machine does meets them all alike.
Ratios are of one round each, against that round's direct run.
"""

import os
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.bench.peers import Peer
from lab.bench.workload import WORKLOADS, Workload
from lab.programs import run

_SECONDS: Final = 300.0
_RECONNECTS: Final = "20"


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

    @property
    def cpu_ms(self) -> float | None:
        """Processor time of the peer, in milliseconds a message."""
        return None if self.cpu_seconds is None else 1000 * self.cpu_seconds / self.workload.messages


async def measured(peers: Sequence[Peer], rounds: int, folder: Path) -> AsyncIterator[Run]:
    """Every run as it is done. Raises RunFailed."""
    for workload in WORKLOADS:
        mail = workload.write(folder)
        for peer in peers:
            await _send(workload, peer, mail, workload.sessions)  # connections, memory and verdicts are warm then
        for number in range(rounds):
            for turn in range(len(peers)):
                peer = peers[(number + turn) % len(peers)]
                before, began = _cpu_seconds(peer.pid), time.perf_counter()
                await _send(workload, peer, mail, workload.messages)
                seconds, after = time.perf_counter() - began, _cpu_seconds(peer.pid)
                used = None if before is None or after is None else after - before
                yield Run(workload, peer.name, number, seconds, used)


async def _send(workload: Workload, peer: Peer, mail: Path, messages: int) -> None:
    arguments = ("-s", str(workload.sessions), "-m", str(messages), "-C", _RECONNECTS, "-F", mail)
    addresses = ("-f", "bench@example.com", "-t", "bench@example.net", str(peer.address))
    done = await run("smtp-source", *arguments, *addresses, seconds=_SECONDS)
    if done.status or done.said:
        raise RunFailed(f"{workload.name} through {peer.name}: {done.said.strip()}")


def _cpu_seconds(pid: int | None) -> float | None:
    """User and system time of a process and its children (proc(5), stat), in steps of ten milliseconds."""
    if pid is None:
        return None
    ticks = sum(_ticks(each) for each in (pid, *_children(pid)))
    return ticks / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> int:
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(after_name[11]) + int(after_name[12])


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
