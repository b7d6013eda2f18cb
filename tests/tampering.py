"""Someone in the path between the device and its server, who changes what the server says in the clear."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cloud.address import Address

Change = Callable[[bytes], bytes]


@dataclass
class Tampering:
    """A relay. `change` is given what the server says, as it comes; what it returns goes on, in one write."""

    server: Address
    address: Address = field(init=False)
    change: Change = bytes

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        server_reader, server_writer = await asyncio.open_connection(self.server.host, self.server.port)
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(_pass_on(reader, server_writer, bytes))
                ways.create_task(_pass_on(server_reader, writer, self.change))
        finally:
            server_writer.close()
            writer.close()


@asynccontextmanager
async def tampering(server: Address) -> AsyncIterator[Tampering]:
    """Relay to that server on a free port until the block ends; at first nothing is changed."""
    made = Tampering(server)
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.address = Address(*listening.sockets[0].getsockname()[:2])
    try:
        yield made
    finally:
        listening.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Change) -> None:
    """One way, to its end; a broken connection is an end, too."""
    try:
        while said := await reader.read(65536):
            writer.write(change(said))
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()
