"""SIGKILL in the middle of a release: the next start delivers the message, to each recipient, under one Message-ID."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cloud.quarantine.lifecycle import State
from tests.unit.cloud.release.mailserver import Mailserver
from tests.unit.cloud.release.messages import attached, composed, multipart, text
from tests.unit.cloud.release.rig import Rig
from tests.unit.cloud.release.test_repackage import parsed

ROOT = Path(__file__).parents[4]
RECIPIENTS = (b"bob@example.com", b"carol@example.com")


@asynccontextmanager
async def releasing(folder: Path) -> AsyncIterator[Process]:
    """A process that does the folder's jobs; killed at the end of the block, if it lives."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("releasing_process.py")),
        str(folder),
        stdout=PIPE,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'proto'}"},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def heard(process: Process, word: str) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while (line := await process.stdout.readline()) != f"{word}\n".encode():
            assert line, f"the process ended before it said {word}"


async def test_a_release_survives_sigkill_at_the_final_dot(tmp_path: Path, server: Mailserver) -> None:
    rig = await Rig.open(tmp_path)
    await rig.set(release_route=server.route, administrators=["admin@example.com"])
    held = await rig.hold(composed(multipart("mixed", text(b"Hi\r\n"), attached("a.exe", b"x")), recipients=RECIPIENTS))
    await rig.act(held)
    server.gate = asyncio.Event()
    async with releasing(tmp_path) as first:
        async with asyncio.timeout(60):
            await server.reached_dot.wait()
        first.send_signal(signal.SIGKILL)
        await first.wait()
    server.gate = None
    async with releasing(tmp_path) as second:
        await heard(second, "finished")
        taken = await server.reached(3)
        second.terminate()
        await heard(second, "stopped")
        assert await second.wait() == 0
    released = [each for each in taken if each.mail_from]
    assert {each.recipients[0].encode() for each in released} == set(RECIPIENTS)
    assert {parsed(each.content)["Message-ID"] for each in released} == {"<1@example.org>"}
    assert [each.recipients for each in taken if not each.mail_from] == [("admin@example.com",)]
    assert (await rig.custody.get(rig.realm.id, held.id)).state is State.RELEASED
    await rig.close()
