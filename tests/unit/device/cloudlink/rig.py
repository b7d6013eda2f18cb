"""A real gRPC server with servicers of the test's own, and a channel to it: what goes over the wire is real."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from device.cloudlink.channel import CloudChannel, Stubs, stubs_over


class PlainChannel(CloudChannel):
    """A channel without TLS; what an identity adds is tested with the real cloud."""

    def __init__(self, target: str) -> None:
        super().__init__(None)
        self._plain = grpc.aio.insecure_channel(target)

    @property
    def stubs(self) -> Stubs:
        return stubs_over(self._plain)

    async def close(self) -> None:
        await self._plain.close()


@asynccontextmanager
async def serving(*additions: tuple[Any, Any]) -> AsyncIterator[PlainChannel]:
    """Serve pairs of (add_…_to_server, servicer) on a free port of loopback; gives a channel to them."""
    server = grpc.aio.server()
    for add, servicer in additions:
        add(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channel = PlainChannel(f"127.0.0.1:{port}")
    try:
        yield channel
    finally:
        await channel.close()
        await server.stop(0)
