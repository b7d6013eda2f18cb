"""Whether a benchmark measured what it says: mail that met a fallback was never scored, and would look quick."""

from pathlib import Path
from typing import Final

from device import control
from device.telemetry.counters import Count
from lab.bench.rates import RunFailed

_WITHOUT_VERDICT: Final = (Count.EMAIL_FALLBACK_PERMITTED, Count.EMAIL_FALLBACK_BLOCKED, Count.FILE_SUBMISSION_FAILURE)


async def every_verdict_came(device_state: Path) -> None:
    """Ask the running device of that state folder. Raises RunFailed where it ever went on without a verdict."""
    counters = (await control.ask(device_state, "statistics"))["counters"]
    missed = {count.value: counters[count.value] for count in _WITHOUT_VERDICT if counters.get(count.value)}
    if missed:
        raise RunFailed(f"not every mail was scored: {missed}")
