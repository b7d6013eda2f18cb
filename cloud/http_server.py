"""The portal's HTTP server: uvicorn on a socket that is bound before anything else, since links in mail name its port."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import uvicorn

from cloud.address import Address
from cloud.errors import Conflict

_GRACE_SECONDS: Final = 10
_KEEP_ALIVE_SECONDS: Final = 15
_CONNECTIONS: Final = 512
_BACKLOG: Final = 256


@contextmanager
def bound(address: Address) -> Iterator[socket.socket]:
    """A socket on that address; nobody is answered yet. Raises Conflict where it can't be had."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        door = socket.create_server(found[4][:2], family=found[0], backlog=_BACKLOG)
    except OSError as error:
        raise Conflict(
            f"cannot listen on {address}: {error.strerror}",
            next_step="Is another service using it? --portal-listen names another address.",
        ) from error
    with door:
        yield door


@asynccontextmanager
async def answering(app: Any, door: socket.socket) -> AsyncIterator["HttpServer"]:
    """Serve the ASGI application for the length of the block; requests under way at its end are finished."""
    server = HttpServer(app)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve([door]), name="portal")
        await server.ready.wait()
        try:
            yield server
        finally:
            server.stop()


class HttpServer(uvicorn.Server):
    """uvicorn without signal handlers of its own: the service decides when to stop."""

    def __init__(self, app: Any) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                # Who the client is, is what the socket says: headers of that kind are anyone's to write.
                proxy_headers=False,
                limit_concurrency=_CONNECTIONS,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self.ready = asyncio.Event()

    def stop(self) -> None:
        """Take no new requests; serve() returns when those under way are finished."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens; then whoever waits for `ready` goes on."""
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the process's signals alone."""
        yield
