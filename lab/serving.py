"""Servers inside the lab's own process: sockets first, so that a port is known before anyone needs it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn
from starlette.applications import Starlette

from cloud.address import Address

_GREETING_SECONDS: Final = 10.0


def bound(address: Address) -> socket.socket:
    """A bound socket that does not listen yet. Raises OSError that names the address."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((address.host, address.port))
    except OSError as error:
        made.close()
        raise OSError(error.errno, f"cannot listen on {address}: {error.strerror}") from error
    return made


@asynccontextmanager
async def serving_streams(protocol: Callable[[], asyncio.Protocol], listener: socket.socket) -> AsyncIterator[Address]:
    """Serve a protocol on a bound socket until the block ends."""
    server = await asyncio.get_running_loop().create_server(protocol, sock=listener, backlog=1024)
    try:
        yield _address(listener)
    finally:
        server.close()


@asynccontextmanager
async def serving_http(app: Starlette, listener: socket.socket) -> AsyncIterator[Address]:
    """Serve an application on a bound socket until the block ends."""
    server = QuietServer(uvicorn.Config(app, log_level="warning", lifespan="off", access_log=False))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(sockets=[listener]))
        try:
            yield _address(listener)
        finally:
            server.should_exit = True


class QuietServer(uvicorn.Server):
    """uvicorn without its hands on the process' signals: whoever runs the lab keeps its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def answers(address: Address) -> bool:
    """Whether an SMTP server greets there, within ten seconds."""
    try:
        async with asyncio.timeout(_GREETING_SECONDS):
            return await _greets(address)
    except OSError:  # TimeoutError is one
        return False


async def _greets(address: Address) -> bool:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        return (await reader.readline()).startswith(b"220")
    finally:
        writer.close()


def _address(listener: socket.socket) -> Address:
    host, port = listener.getsockname()[:2]
    return Address(host, port)
