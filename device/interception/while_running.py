"""Rules that stand exactly as long as the device runs, because the kernel removes them with their owner.

`nft -i` reads commands for as long as its standard input is open. A table that it makes with `flags owner` goes with it, and it
goes with us: also after kill -9 nobody has to clean up. (Linux 5.12, nftables 0.9.9.)
"""

import asyncio
import contextlib
import subprocess
from typing import Final

from device.errors import CannotIntercept
from device.interception import kernel
from device.interception.programs import SECONDS, located, refused

LOST: Final = "Somebody has ended nft, and the rules with it: no mail is inspected. Start the device again."
"""What the person in charge has to know of a table that is lost."""
_SUFFIX: Final = "_live"


def table(family: str, name: str, chains: str) -> str:
    """As text that `nft --check` takes, too."""
    return f"table {family} {name}{_SUFFIX} {{\n  flags owner\n{chains}}}\n"


class OwnedTable:
    """One table in the kernel, from begin() to end()."""

    def __init__(self, family: str, name: str) -> None:
        self._family = family
        self._name = name
        self._owner: subprocess.Popen[bytes] | None = None

    @property
    def lost(self) -> bool:
        """Whether somebody has ended its owner, and so the table."""
        return self._owner is not None and self._owner.poll() is not None

    async def begin(self, chains: str) -> None:
        """The table stands. Raises CannotIntercept with what nft said."""
        text = table(self._family, self._name, chains)
        if (reason := await kernel.untaken(text)) is not None:
            raise refused(reason)
        self._owner = _started()
        await self._say(text.replace("\n", ";"))

    async def empty(self, chain: str) -> None:
        """That chain does nothing from now on; where nft has ended, no chain does, and mail under way goes on all the same."""
        if self._owner is None or self.lost:
            return
        with contextlib.suppress(CannotIntercept):
            await self._say(f"flush chain {self._family} {self._name}{_SUFFIX} {chain}")

    async def end(self) -> None:
        """The table is gone."""
        if self._owner is not None and self._owner.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._owner.stdin.close()
            await asyncio.to_thread(self._owner.wait)
            self._owner = None

    async def _say(self, line: str) -> None:
        assert self._owner is not None
        try:
            async with asyncio.timeout(SECONDS):
                said = await asyncio.to_thread(self._told, line)
        except TimeoutError:
            self._owner.kill()
            said = "nft does not answer"
        if said:
            raise refused(said)

    def _told(self, line: str) -> str:
        """Say a line, and have the tables listed after it: an error comes before the list. Runs in a thread."""
        assert self._owner is not None
        assert self._owner.stdin is not None
        assert self._owner.stdout is not None
        try:
            self._owner.stdin.write(f"{line}\nlist tables {self._family}\n".encode())
            self._owner.stdin.flush()
        except BrokenPipeError:
            return "nft has ended"
        for heard in self._owner.stdout:
            if b"Error" in heard:
                return heard.decode(errors="replace")
            if heard.split()[:3] == [b"table", self._family.encode(), f"{self._name}{_SUFFIX}".encode()]:
                return ""
        return "nft has ended"


def _started() -> subprocess.Popen[bytes]:
    """Not asyncio's kind: its pipes are no match for a program that ends early under uvloop (programs.py)."""
    return subprocess.Popen(  # noqa: S603 nft alone
        [located("nft"), "-i"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for us: mail under way is finished first
    )
