"""`srx-lab bench --profile`: in which functions a small mail's time goes, by cProfile inside of the device's process.

cProfile costs time at each call, so it makes small functions look larger than they are: it shows where to look, not how much
there is to win. It counts processor time, so that waiting and other processes do not. The device is the real one, in front of
smtp-sink, with a trivial scorer; the profile begins with a signal, when the device has started and some mails have warmed it.
"""

import cProfile
import os
import pstats
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, cast

from rich.table import Table

from device import cli
from lab.bench.peers import DEVICE, Peer
from lab.bench.plan import Plan
from lab.bench.rates import send
from lab.bench.scored import scored_device, trivial_scorer
from lab.bench.workload import SMALL
from lab.programs import smtp_sink

BEGIN: Final = signal.SIGUSR1
PROFILE: Final = "SRXLAB_PROFILE"
"""The environment variable that names the file in which main() leaves the profile."""
_SHOWN: Final = 30
_MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Spent:
    """One function: calls and microseconds a mail, without and with what it calls."""

    function: str
    calls: float
    own: float
    total: float


async def profile(plan: Plan) -> Table:
    """The functions of a device that take the most time of their own. Raises RunFailed, ProcessFailed, ProgramMissing."""
    workload = SMALL.times(plan.share)
    with tempfile.TemporaryDirectory(prefix="srxlab-profile-") as name:
        folder, kept = Path(name), Path(name) / "profile"
        async with AsyncExitStack() as parts:
            sink = await parts.enter_async_context(smtp_sink(folder / "sink.log"))
            identity = await parts.enter_async_context(trivial_scorer(folder / "scorer"))
            site = await parts.enter_async_context(
                scored_device(
                    folder / "device",
                    sink.address,
                    identity,
                    program="srx-profiled",
                    environment={PROFILE: str(kept)},
                )
            )
            assert site.device is not None
            device, mail = Peer(DEVICE, site.smtp), workload.write(folder)
            await send(workload.times(0.1), device, mail)
            os.kill(site.device.pid, BEGIN)
            await send(workload, device, mail)
        return table(spent(kept, workload.messages), workload.messages)


def spent(kept: Path, mails: int) -> list[Spent]:
    """What a profile says, the most of their own time first."""
    timings = cast("dict[tuple[str, int, str], Any]", vars(pstats.Stats(str(kept)))["stats"])
    found = [
        Spent(_name(*where), calls / mails, _MICROSECONDS * own / mails, _MICROSECONDS * total / mails)
        for where, (_, calls, own, total, _) in timings.items()
    ]
    return sorted(found, key=attrgetter("own"), reverse=True)


def table(functions: Iterable[Spent], mails: int) -> Table:
    """For people."""
    found = list(functions)
    everything = sum(each.own for each in found)
    made = Table(title=f"{mails:,} mails of 10 KB under cProfile: {everything:,.0f} µs a mail")
    for column in ("Function", "calls a mail", "own µs", "with callees µs", "share of own"):
        made.add_column(column, justify="left" if column == "Function" else "right")
    for each in found[:_SHOWN]:
        numbers = (f"{each.calls:.1f}", f"{each.own:.1f}", f"{each.total:.1f}", f"{each.own / everything:.1%}")
        made.add_row(each.function, *numbers)
    return made


def _name(file: str, line: int, function: str) -> str:
    """Ours and libraries' by module path, built-in ones by their name."""
    return function if not line else f"{'/'.join(Path(file).parts[-3:])}:{line} {function}"


def main() -> None:
    """`srx` with a profile that begins at the signal and is kept at the end."""
    profiler = cProfile.Profile(time.process_time)
    signal.signal(BEGIN, lambda *_: profiler.enable())
    sys.argv[0] = "srx"
    try:
        cli.main()
    finally:
        profiler.disable()
        profiler.dump_stats(os.environ[PROFILE])
