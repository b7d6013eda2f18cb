"""Programs of ours as real processes: started, awaited, ended by their own id, their log kept in a file."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

START_SECONDS: Final = 90.0
STOP_SECONDS: Final = 15.0
_LOG_LINES_SHOWN: Final = 15


class ProcessFailed(Exception):
    """A program did not start, or a command failed; the text holds the end of what it printed."""


_MODULES: Final = {
    "srx": "device.cli",
    "srx-cloud": "cloud.cli",
    "srx-lab": "lab.cli",
    "srx-profiled": "lab.bench.profiled",
}
"""Our commands; the last is `srx`, too, and profiles itself."""


def command_line(command: str, *arguments: str | Path) -> list[str]:
    """How to start one of our commands with this very interpreter, wherever it is installed."""
    module = _MODULES[command]
    start = f"import sys; from {module} import main; sys.argv[0] = {command!r}; main()"
    return [sys.executable, "-c", start, *map(str, arguments)]


class Running:
    """A process that has said that it is ready; `ready` is the JSON object that it said it with."""

    def __init__(self, process: asyncio.subprocess.Process, ready: Mapping[str, Any], log: Path) -> None:
        self._process = process
        self.ready = ready
        self.log = log

    @property
    def pid(self) -> int:
        """The process' id."""
        return self._process.pid

    async def stop(self) -> int:
        """Ask it to end, and wait; one that does not is killed. Gives its exit code."""
        if self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
            except TimeoutError:
                return await self.kill()
        return self._process.returncode or 0

    async def ended(self) -> int:
        """Its exit code, once it has ended by itself. Raises TimeoutError."""
        return await asyncio.wait_for(self._process.wait(), STOP_SECONDS)

    async def kill(self) -> int:
        """End it as a power cut would: kill -9."""
        if self._process.returncode is None:
            self._process.kill()
        return await self._process.wait()


@asynccontextmanager
async def running(arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> AsyncIterator[Running]:
    """Start a program that prints one JSON line when it is ready, and end it with the block."""
    process = await start(arguments, log, environment)
    try:
        yield process
    finally:
        await process.stop()


async def start(arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> Running:
    """Start a program and wait for its JSON line. Raises ProcessFailed."""
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *arguments, stdout=asyncio.subprocess.PIPE, stderr=out, env={**os.environ, **environment}
        )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        return Running(process, json.loads(line), log)
    except (TimeoutError, ValueError) as error:
        if process.returncode is None:
            process.kill()
        await process.wait()
        raise ProcessFailed(f"{' '.join(arguments[3:5])} did not start:\n{_end_of(log)}") from error


async def result_of(arguments: Sequence[str], environment: Mapping[str, str]) -> Any:
    """Run a command to its end and read the JSON that it prints. Raises ProcessFailed with what it said."""
    process = await asyncio.create_subprocess_exec(
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    out, err = await process.communicate()
    if process.returncode:
        raise ProcessFailed(f"{' '.join(arguments[3:])} failed:\n{err.decode(errors='replace').strip()}")
    return json.loads(out) if out.strip() else None


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES_SHOWN:])
