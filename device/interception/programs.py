"""The two programs that speak with the kernel for us, `nft` and `ip`: where they are, and one run of them."""

import asyncio
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Final

from device.errors import CannotIntercept

_PATH: Final = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
_PACKAGES: Final = {"nft": "nftables", "ip": "iproute2"}
SECONDS: Final = 30.0
"""The longest that the kernel is waited for."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over."""

    status: int
    out: str
    err: str


def missing() -> str | None:
    """The program that isn't there, as a reason; None where both are."""
    for tool, package in _PACKAGES.items():
        if shutil.which(tool, path=_PATH) is None:
            return f"{tool} is missing (package {package})"
    return None


def located(tool: str) -> str:
    """The program's path. Raises CannotIntercept, if it isn't there."""
    found = shutil.which(tool, path=_PATH)
    if found is None:
        raise CannotIntercept(f"{tool} is missing", next_step=f"Install the package {_PACKAGES[tool]}.")
    return found


async def run(tool: str, *arguments: str, text: str = "") -> Ended:
    """One run to its end, with that on its standard input. Raises CannotIntercept, if the program isn't there."""
    return await asyncio.to_thread(_run_to_its_end, [located(tool), *arguments], text)


def _run_to_its_end(command: list[str], text: str) -> Ended:
    """In a thread: uvloop's own pipe raises where a program ends before its input is written (seen once in some hundred runs)."""
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, check=False, timeout=SECONDS)  # noqa: S603 nft and ip, with text of ours
    except subprocess.TimeoutExpired:
        return Ended(1, "", f"{command[0]} does not come to an end")
    return Ended(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def must(ended: Ended) -> Ended:
    """The same run, if it went well. Raises CannotIntercept with what it said."""
    if ended.status:
        raise refused(ended.err)
    return ended


def refused(said: str) -> CannotIntercept:
    """The error for what a program said."""
    return CannotIntercept(
        f"the kernel does not take the device's rules: {first_line(said)}",
        next_step="Run it as root, or in explicit mode (--intercept explicit).",
    )


def first_line(text: str) -> str:
    """What a program said, in one line."""
    return (text.strip().splitlines() or ["no reason given"])[0]
