"""smtp-sink as a mail server that keeps what it takes, each message in a file."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from lab.programs import serving
from lab.site import free_address
from tests.programs import need


@contextmanager
def folder_for_anyone() -> Iterator[Path]:
    """A folder that smtp-sink may write to when it is nobody; pytest's own are its user's alone."""
    with tempfile.TemporaryDirectory(prefix="smtp-sink-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


@asynccontextmanager
async def keeping_sink(folder: Path) -> AsyncIterator[int]:
    """smtp-sink on a free port, each message a file."""
    need("smtp-sink")
    address = free_address()
    user = ("-u", "nobody") if os.geteuid() == 0 else ()
    keep = ("-d", f"{folder}/%M.")
    async with serving(address, "smtp-sink", *user, *keep, str(address), "100", log=folder.with_suffix(".log")):
        yield address.port


def files_in(folder: Path) -> list[bytes]:
    """smtp-sink's files, with the line ends of the wire."""
    return [path.read_bytes().replace(b"\n", b"\r\n") for path in folder.iterdir()]
