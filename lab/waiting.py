"""Waiting: until someone stops us, or until something elsewhere holds."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Final

_PAUSE_SECONDS: Final = 0.05


async def interrupted() -> None:
    """Wait for Ctrl-C or a termination signal."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    await stop.wait()


async def until(holds: Callable[[], Awaitable[bool]], seconds: float) -> None:
    """Ask another process again and again until it says yes. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - another process has no event to wait for here
            await asyncio.sleep(_PAUSE_SECONDS)
