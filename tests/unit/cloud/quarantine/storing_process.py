"""Stores messages until it is killed, and prints each receipt after it has it. Run: python storing_process.py FOLDER RUN."""

import asyncio
import sys
from pathlib import Path

from tests.unit.cloud.quarantine.world import World, requests_for, sample


async def store_for_ever(folder: Path, run: str) -> None:
    world = await World.open(folder)
    async with asyncio.TaskGroup() as tasks:
        for worker in range(4):
            tasks.create_task(_store(world, f"{run}-{worker}"))


async def _store(world: World, name: str) -> None:
    number = 0
    while True:
        number += 1
        content = sample(200_000 + number) + name.encode()
        receipt = await world.send(requests_for(content, f"request-{name}-{number:08}"))
        sys.stdout.write(f"receipt {receipt.message_id} {len(content)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(store_for_ever(Path(sys.argv[1]), sys.argv[2]))
