"""The command's side: through the running service's socket if one runs, else under the state's lock, in this process.

    connect ──ok──► ask over the socket
       │ nobody there
       ▼
    lock ──ok──► open the state here, ask, close
       │ held: a service that starts or stops, or another command
       └──► wait a moment, begin again

So the store has one writer at any time, and a command never takes "not permitted" for "not running".
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final, Protocol, TypeVar

from cloud.control.administration import Administration
from cloud.control.listener import user_name
from cloud.control.operation import Operation
from cloud.control.perform import perform
from cloud.control.unix_socket import connect
from cloud.control.wire import decode_answer, encode_request
from cloud.storage.state_folder import StateBusy, StateFolder, check_exists, not_a_folder, not_allowed

Params = TypeVar("Params")
Result = TypeVar("Result")

Opener = Callable[[StateFolder], AbstractAsyncContextManager[Administration]]
"""Opens a locked state in this process: migrations, database, keys, stores."""

_PATIENCE_SECONDS: Final = 40.0
"""A service may take that long to stop; a command waits for its turn."""
_SERVICE_PATIENCE_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.05


class Door(Protocol):
    """Where commands are handed in."""

    async def ask(self, operation: Operation[Params, Result], params: Params) -> Result:
        """Have it done. Raises CloudError with what to do next."""


@asynccontextmanager
async def open_door(state: Path, opener: Opener, *, make: bool = False) -> AsyncIterator[Door]:
    """The way to the one writer; `make` where the command may make a state. Raises NoState, StateBusy, Refused."""
    deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
    while True:
        if service_runs(state, make=make):
            yield ServiceDoor(state)
            return
        try:
            folder = StateFolder.make(state) if make else StateFolder.open(state)
        except StateBusy:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)
            continue
        try:
            async with opener(folder) as administration:
                yield DirectDoor(administration)
        finally:
            folder.close()
        return


async def take_over(state: Path) -> StateFolder:
    """The state's lock for a service that starts; made where there is none. Waits for commands, not for another service.

    Raises StateBusy, Refused, Conflict.
    """
    deadline = asyncio.get_running_loop().time() + _SERVICE_PATIENCE_SECONDS
    while True:
        try:
            return StateFolder.make(state)
        except StateBusy:
            if service_runs(state) or asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(_PAUSE_SECONDS)


def service_runs(state: Path, *, make: bool = False) -> bool:
    """Whether a service answers. Raises NoState unless `make`, and Refused where this user may not know."""
    try:
        connection = connect(state)
    except FileNotFoundError:
        if make:
            return False
        check_exists(state)
        raise
    except NotADirectoryError:
        raise not_a_folder(state) from None
    except PermissionError:
        raise not_allowed(state) from None
    if connection is None:
        return False
    connection.close()
    return True


class ServiceDoor:
    """Hands commands to the running service."""

    def __init__(self, state: Path) -> None:
        self._state = state

    async def ask(self, operation: Operation[Params, Result], params: Params) -> Result:
        """One connection a command."""
        connection = connect(self._state)
        if connection is None:
            raise StateBusy("the service has just stopped", next_step="Try again.")
        return decode_answer(await _exchange(connection, encode_request(operation.name, params)), operation.result)


class DirectDoor:
    """Does commands in this process, which holds the state's lock."""

    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    async def ask(self, operation: Operation[Params, Result], params: Params) -> Result:
        """Through the same lines as over the socket, so that nothing can work one way alone."""
        line = encode_request(operation.name, params)
        answer = await perform(self._administration, line, user_name(os.geteuid()))
        return decode_answer(answer, operation.result)


async def _exchange(connection: socket.socket, line: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(sock=connection)
    try:
        writer.write(line)
        await writer.drain()
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
