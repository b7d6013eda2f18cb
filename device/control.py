"""The running device's ear: a Unix socket in the state folder, for `srx show` and `srx stop`.

One JSON line asks, one JSON line answers. Only the folder's owner may (0600).
"""

import asyncio
import inspect
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

from device.errors import DeviceError, NotRunning

_NAME: Final = "control.sock"
_LINE_BYTES: Final = 64 * 1024
_SECONDS: Final = 10.0

Answers = Mapping[str, Callable[[], dict[str, Any] | Awaitable[dict[str, Any]]]]
"""What can be asked, and who answers, at once or after a while."""


@asynccontextmanager
async def listening(state: Path, answers: Answers) -> AsyncIterator[None]:
    """Answer until the block ends. A socket left by a killed device is replaced."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readline()).decode("utf-8", "replace").strip()
        found = answers.get(asked)
        try:
            told = {"error": f"the device does not know {asked}"} if found is None else found()
            if inspect.isawaitable(told):
                told = await told
        except DeviceError as error:
            told = {"error": error.sentence, "next_step": error.next_step}
        writer.write(json.dumps(told).encode() + b"\n")
        await writer.drain()
        writer.close()

    name = state / _NAME
    name.unlink(missing_ok=True)
    with _short_path(state) as path:
        server = await asyncio.start_unix_server(answer, path, limit=_LINE_BYTES)
    name.chmod(0o600)
    try:
        yield
    finally:
        server.close()
        name.unlink(missing_ok=True)


async def ask(state: Path, question: str, seconds: float = _SECONDS) -> dict[str, Any]:
    """The running device's answer, for which that long is waited. Raises NotRunning."""
    try:
        with _short_path(state) as path:
            reader, writer = await asyncio.open_unix_connection(path)
        writer.write(question.encode() + b"\n")
        told: dict[str, Any] = json.loads(await asyncio.wait_for(reader.readline(), seconds))
        writer.close()
    except PermissionError as error:
        raise NotRunning(
            f"the state folder {state} belongs to somebody else", next_step="Run the command as its owner."
        ) from error
    except (OSError, ValueError, TimeoutError) as error:
        raise NotRunning(
            f"no device runs on the state folder {state}",
            next_step="Start it with: srx run --server HOST:PORT; or name another folder with --state.",
        ) from error
    return told


@contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """The socket's path by way of an open folder: a Unix socket's path has at most 108 bytes (unix(7)), a folder's more."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{_NAME}"
    finally:
        os.close(descriptor)
