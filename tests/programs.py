"""What tests need of the machine: it is there, or the test says by name what is missing; and what its programs say."""

import asyncio
import os
from typing import NoReturn

import pytest

from lab.programs import is_there


async def output_of(command: list[str], said: bytes) -> str:
    """A program's output, given its input, however it ended."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
    async with asyncio.timeout(60):
        output, _ = await process.communicate(said)
    return output.decode()


def need(*names: str) -> None:
    """Skip the test where one of the programs is missing; where CI is true, fail it."""
    missing = [name for name in names if not is_there(name)]
    if missing:
        go_without(f"{', '.join(missing)} not found: make programs installs it")


def need_root(why: str) -> None:
    """Skip the test without root; where CI is true, fail it."""
    if os.geteuid() != 0:
        go_without(f"{why} needs root")


def go_without(reason: str) -> NoReturn:
    """Skip the test, saying so; where CI is true, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
