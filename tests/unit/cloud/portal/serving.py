"""The portal on a real socket of this machine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cloud.address import Address
from cloud.http_server import answering, bound
from tests.unit.cloud.portal.rig import Rig


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Rig]:
    """A portal under the service's own HTTP server, on a port of its own; its base URL is where it is reached."""
    with bound(Address("127.0.0.1", 0)) as door:
        rig = await Rig.build(folder, f"http://127.0.0.1:{door.getsockname()[1]}")
        try:
            async with answering(rig.app, door):
                yield rig
        finally:
            await rig.database.close()
