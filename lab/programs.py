"""Programs from elsewhere that the lab drives, where the machine has them (tools/debian-packages names their packages)."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cloud.address import Address
from lab.serving import answers
from lab.site import free_address
from lab.waiting import until

START_SECONDS: Final = 30.0
_PATH: Final = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
_BACKLOG: Final = 1000


class ProgramMissing(Exception):
    """The machine has no such program."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended, and what it said on both outputs."""

    status: int
    said: str


def is_there(name: str) -> bool:
    """Whether the machine has it; also where only root's search path leads."""
    return shutil.which(name, path=_PATH) is not None


def located(name: str) -> str:
    """Its path. Raises ProgramMissing."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise ProgramMissing(f"{name} is not here: make programs installs it")
    return found


async def run(name: str, *arguments: str | Path, given: bytes = b"", seconds: float = 60.0) -> Done:
    """Run a program to its end, with `given` on its input. Raises ProgramMissing, and TimeoutError after killing it."""
    process = await asyncio.create_subprocess_exec(
        located(name),
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE if given else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(given or None), seconds)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Done(process.returncode or 0, out.decode("utf-8", "replace"))


@asynccontextmanager
async def serving(address: Address, name: str, *arguments: str | Path, log: Path) -> AsyncIterator[int]:
    """A program that serves SMTP at an address, from its first greeting to the block's end; its process id."""
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(located(name), *map(str, arguments), stdout=out, stderr=out)
    try:
        await until(lambda: answers(address), START_SECONDS)
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@dataclass(frozen=True, slots=True)
class Sink:
    """A running smtp-sink, which counts what it takes."""

    address: Address
    log: Path

    @property
    def messages(self) -> int:
        """How many messages it has taken since its start; it tells when a session ends."""
        words = self.log.read_text().replace("\r", "\n").split()
        return max((int(word.removeprefix("mesg=")) for word in words if word.startswith("mesg=")), default=0)


@asynccontextmanager
async def smtp_sink(log: Path) -> AsyncIterator[Sink]:
    """Postfix's smtp-sink on a free port of loopback. Raises ProgramMissing."""
    address = free_address()
    user = ("-u", "nobody") if os.geteuid() == 0 else ()
    async with serving(address, "smtp-sink", *user, "-c", str(address), str(_BACKLOG), log=log):
        yield Sink(address, log)
