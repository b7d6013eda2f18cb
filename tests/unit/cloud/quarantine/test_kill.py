"""Killed or cut off at any moment: every receipt that went out is kept, and what is listed opens."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

from cloud.quarantine.lifecycle import State
from tests.unit.cloud.quarantine.world import World, requests_for, sample

CUTS = 60
ROOT = Path(__file__).parents[4]
RECEIPTS = 12
_RECEIPT = re.compile(rb"^receipt (\S+ \d+)\n", re.MULTILINE)


async def store_until_killed(folder: Path, run: str) -> list[str]:
    """The receipts that a process printed before SIGKILL took it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("storing_process.py")),
        str(folder),
        run,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'proto'}"},
    )
    assert process.stdout is not None
    receipts: list[bytes] = []
    try:
        async with asyncio.timeout(60):
            while len(receipts) < RECEIPTS:
                line = await process.stdout.readline()
                assert line, "the process ended by itself"
                receipts += _RECEIPT.findall(line)
    finally:
        process.send_signal(signal.SIGKILL)
    receipts += _RECEIPT.findall(await process.stdout.read())
    await process.wait()
    return [receipt.decode() for receipt in receipts]


async def test_every_receipt_opens_after_kill_and_restart(tmp_path: Path) -> None:
    receipts: list[str] = []
    for run in ("first", "second", "third"):
        receipts += await store_until_killed(tmp_path, run)
    world = await World.open(tmp_path)
    assert world.leaks() == []
    await world.custody.recover()
    for receipt in receipts:
        message_id, size = receipt.split(" ")
        opened = await world.custody.open(world.realm.id, message_id)
        assert (opened.held.state, len(opened.content)) == (State.HELD, int(size))
    assert [name for name in world.files() if "#" in name] == []
    await world.close()


async def test_a_call_that_is_cut_off_at_any_moment_leaves_no_entry_that_does_not_open(world: World) -> None:
    """Its client goes away before the seal, in the middle of the commit, after it: a cut after each count of turns."""
    receipts = 0
    for turns in range(CUTS):
        content = sample(3_000) + f"{turns}".encode()
        async with asyncio.TaskGroup() as tasks:
            call = tasks.create_task(world.send(requests_for(content, f"request-{turns:010}")))
            await asyncio.wait([call], timeout=turns / 5_000)
            call.cancel()
        if not call.cancelled():
            receipts += 1
            assert (await world.custody.open(world.realm.id, call.result().message_id)).content == content
    listed = await world.custody.list(world.realm.id)
    assert len(listed) >= receipts
    for held in listed:
        await world.custody.open(world.realm.id, held.id)
    assert (await world.hold()).message_id
