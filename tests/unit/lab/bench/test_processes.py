"""What the kernel tells of a process."""

import asyncio
import sys

import pytest

from lab.bench.processes import cpu_seconds, forget_peak, peak, resident, settled

_GROWS = "import sys; sys.stdin.readline(); kept = b'x' * 50_000_000; del kept; print(flush=True); sys.stdin.readline()"
_WORKS = "print(sum(range(4_000_000)), flush=True); import sys; sys.stdin.readline()"


async def process(code: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdin=pipe, stdout=pipe)


async def test_a_peak_is_seen_after_it_is_over() -> None:
    """The process gives 50 MB back before anyone looks."""
    made = await process(_GROWS)
    assert made.stdin is not None
    assert made.stdout is not None
    await settled(made.pid)
    forget_peak(made.pid)
    before = resident(made.pid)
    made.stdin.write(b"\n")
    await made.stdout.readline()
    assert peak(made.pid) - before >= 45_000_000
    assert resident(made.pid) - before < 45_000_000
    forget_peak(made.pid)
    assert peak(made.pid) < before + 45_000_000
    await made.communicate(b"\n")


async def test_a_process_settles_once_it_has_nothing_to_do() -> None:
    """And its time is counted."""
    made = await process(_WORKS)
    assert made.stdout is not None
    await asyncio.wait_for(made.stdout.readline(), 30)
    await settled(made.pid)
    assert cpu_seconds(made.pid) > 0
    await made.communicate(b"\n")


def test_a_process_that_is_not_there_has_no_memory() -> None:
    with pytest.raises(OSError, match="No such"):
        resident(2**22 + 1)
