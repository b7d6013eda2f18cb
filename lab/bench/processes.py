"""What the kernel says of another process: processor time and memory (proc(5))."""

import asyncio
import os
from pathlib import Path
from typing import Final

_KIBIBYTE: Final = 1024
_RESET_PEAK: Final = "5"
"""What clear_refs takes for: the peak begins at what is resident now."""
_QUIET_SECONDS: Final = 0.5
_QUIET_TICKS: Final = 2
"""What a process that has nothing to do may use in that time: its timers."""
_SETTLE_SECONDS: Final = 60.0


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its children, in steps of ten milliseconds."""
    return _ticks(pid) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Bytes of memory that are resident (VmRSS) in a process and its children."""
    return sum(_status(each, "VmRSS") for each in _family(pid))


def peak(pid: int) -> int:
    """The most bytes that were resident (VmHWM) since forget_peak(); of several processes the sum of their peaks."""
    return sum(_status(each, "VmHWM") for each in _family(pid))


def forget_peak(pid: int) -> None:
    """Let the peak begin anew at what is resident now."""
    for each in _family(pid):
        Path(f"/proc/{each}/clear_refs").write_text(_RESET_PEAK)


async def settled(pid: int) -> None:
    """Wait until the process has done what it was given: next to no processor time for a while. Raises TimeoutError."""
    async with asyncio.timeout(_SETTLE_SECONDS):
        before = _ticks(pid)
        while True:
            await asyncio.sleep(_QUIET_SECONDS)
            now = _ticks(pid)
            if now - before <= _QUIET_TICKS:
                return
            before = now


def _ticks(pid: int) -> int:
    return sum(map(_own_ticks, _family(pid)))


def _own_ticks(pid: int) -> int:
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(after_name[11]) + int(after_name[12])


def _family(pid: int) -> tuple[int, ...]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return pid, *map(int, children)


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        label, _, value = line.partition(":")
        if label == name:
            return int(value.split()[0]) * _KIBIBYTE
    raise ProcessLookupError(f"the kernel tells no {name} of process {pid}")
