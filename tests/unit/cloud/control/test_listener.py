"""Connections to the control socket: slow clients hold up nobody."""

import asyncio
import select
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cloud.control import listener
from cloud.control.listener import serving
from cloud.control.unix_socket import connect
from cloud.storage.state_folder import StateFolder

if TYPE_CHECKING:
    from tests.unit.cloud.control.conftest import Opener

LARGE = b"x" * (8 << 20) + b"\n"
"""More than a socket's buffers take."""


@pytest.fixture
async def service(state: Path, opener: "Opener", monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AsyncExitStack]:
    """A listener that gives large answers; closing the stack stops it."""
    monkeypatch.setattr(listener, "perform", large_answer)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(closing(StateFolder.make(state)))
        administration = await stack.enter_async_context(opener(folder))
        await stack.enter_async_context(serving(folder.path, administration))
        yield stack


async def large_answer(*_: object) -> bytes:
    return LARGE


async def asked(state: Path) -> socket.socket:
    """A client that has asked, and whose answer begins to come."""
    client = connect(state)
    assert client is not None
    await asyncio.get_running_loop().sock_sendall(client, b"{}\n")
    assert await asyncio.get_running_loop().sock_recv(client, 1) == b"x"
    return client


@pytest.mark.parametrize("asks", [True, False], ids=["reads nothing", "says nothing"])
async def test_the_service_stops_although_a_client_waits(
    state: Path, service: AsyncExitStack, monkeypatch: pytest.MonkeyPatch, *, asks: bool
) -> None:
    monkeypatch.setattr(listener, "_GRACE_SECONDS", 0.2)
    client = await asked(state) if asks else connect(state)
    assert client is not None
    with client:
        async with asyncio.timeout(10):
            await service.aclose()


async def test_a_client_that_does_not_read_its_answer_is_let_go(
    state: Path, service: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long command of somebody who went for coffee is no connection for ever."""
    monkeypatch.setattr(listener, "_ANSWER_SECONDS", 0.2)
    with await asked(state) as client:
        assert await asyncio.to_thread(hung_up, client)


def hung_up(client: socket.socket) -> bool:
    """Waits for the other end to go, without reading what it sent."""
    waiting = select.poll()
    waiting.register(client, 0)
    return bool(waiting.poll(10_000))
