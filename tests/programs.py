"""Programs from elsewhere that tests drive (tools/debian-packages): found, or the test says by name what is missing."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloud.address import Address
from lab.site import free_address
from lab.waiting import until

_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
_SECONDS = 60.0


def need(*names: str) -> None:
    """Skip the test where one of the programs is missing; where CI is true, fail it."""
    missing = [name for name in names if shutil.which(name, path=_PATH) is None]
    if missing:
        _go_without(f"{', '.join(missing)} not found: make programs installs it")


def need_root(why: str) -> None:
    """Skip the test without root; where CI is true, fail it."""
    if os.geteuid() != 0:
        _go_without(f"{why} needs root")


def _go_without(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended, and what it said on both outputs."""

    status: int
    said: str


async def run(name: str, *arguments: str | Path, seconds: float = _SECONDS) -> Done:
    """Run a program to its end, both outputs together, nothing on its input. Raises TimeoutError."""
    process = await asyncio.create_subprocess_exec(
        *_command(name, arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), seconds)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Done(process.returncode or 0, out.decode("utf-8", "replace"))


def _command(name: str, arguments: Sequence[str | Path]) -> list[str]:
    found = shutil.which(name, path=_PATH)
    assert found is not None, f"{name} not found"
    return [found, *map(str, arguments)]


class Sink:
    """Postfix's smtp-sink, which counts what it takes."""

    def __init__(self, address: Address, log: Path) -> None:
        self.address = address
        self._log = log

    @property
    def messages(self) -> int:
        """How many messages it has taken since its start."""
        told = self._log.read_text().replace("\r", "\n").split()
        return max((int(word.removeprefix("mesg=")) for word in told if word.startswith("mesg=")), default=0)


@asynccontextmanager
async def smtp_sink(log: Path) -> AsyncIterator[Sink]:
    """A running smtp-sink on a free port of loopback."""
    address = free_address()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *_command("smtp-sink", [*user, "-c", str(address), "1000"]), stdout=out, stderr=out
        )

    async def listening() -> bool:
        return await answers(address)

    try:
        await until(listening, _SECONDS)
        yield Sink(address, log)
    finally:
        process.terminate()
        await process.wait()


async def answers(address: Address) -> bool:
    """Whether somebody greets there."""
    try:
        reader, writer = await asyncio.open_connection(address.host, address.port)
    except OSError:
        return False
    try:
        return (await reader.readline()).startswith(b"220")
    finally:
        writer.close()
