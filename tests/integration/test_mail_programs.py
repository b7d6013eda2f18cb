"""Programs that the world sends mail with, through the listener: Postfix' smtp-source and smtp-sink, and swaks."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from device.interception.explicit import Entrance
from device.interception.listener import Listener
from device.smtp.intake import Endpoint
from device.smtp.limits import SessionLimits
from lab.programs import run
from tests.keeping_sink import files_in, folder_for_anyone, keeping_sink
from tests.passing_reception import PassingReception
from tests.programs import need
from tests.scripted_server import ScriptedServer

pytestmark = pytest.mark.programs
MESSAGES = 40


async def ran(name: str, *arguments: str) -> str:
    """Runs it to its end; its output, if it went well."""
    need(name)
    done = await run(name, *arguments)
    assert done.status == 0, done.said
    return done.said


@asynccontextmanager
async def device(server_port: int, reception: PassingReception) -> AsyncIterator[Endpoint]:
    async with asyncio.TaskGroup() as tasks:
        entrance = Entrance(Endpoint("127.0.0.1", 0), Endpoint("127.0.0.1", server_port))
        listener = Listener(entrance, reception, SessionLimits(), tasks=tasks)
        await listener.start()
        try:
            yield entrance.endpoint
        finally:
            await listener.stop(5)


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_for_anyone() as made:
        yield made


@pytest.mark.parametrize("size", ["100", "100000"])
async def test_smtp_source_reaches_smtp_sink(size: str, folder: Path) -> None:
    """Many sessions at once: as many messages come out as went in, each settled by the server's 250."""
    reception = PassingReception()
    async with keeping_sink(folder) as port, device(port, reception) as here:
        flood = ["-s", "8", "-m", str(MESSAGES), "-l", size, "-f", "a@example.org", "-t", "b@example.net"]
        await ran("smtp-source", *flood, f"{here.host}:{here.port}")
    assert [message.endings for message in reception.messages] == [["250"]] * MESSAGES
    written = files_in(folder)
    assert len(written) == MESSAGES
    assert all(any(message.content in each for each in written) for message in reception.messages)


async def test_swaks_sends_an_attachment(tmp_path: Path) -> None:
    """A client that speaks TLS, AUTH and pipelining finds neither where they aren't, and delivers."""
    attachment = tmp_path / "harmless.bin"
    attachment.write_bytes(bytes(range(256)) * 100)
    server, reception = ScriptedServer(), PassingReception()
    async with server.running(), device(server.port, reception) as here:
        output = await ran(
            "swaks",
            *("--server", here.host, "--port", str(here.port), "--ehlo", "client.example.org", "--tls-optional"),
            *("--from", "a@example.org", "--to", "b@example.net,c@example.net", "--attach", f"@{attachment}"),
        )
    assert "250 2.0.0 Ok: queued" in output
    assert server.messages == [reception.messages[0].content]
    envelope = reception.messages[0].envelope
    assert envelope is not None
    assert envelope.paths == (b"b@example.net", b"c@example.net")
