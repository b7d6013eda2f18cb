"""Programs that the world sends mail with, through the listener: Postfix' smtp-source and smtp-sink, and swaks."""

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from device.interception.explicit import Listener
from device.smtp.intake import Endpoint
from device.smtp.limits import SessionLimits
from tests.passing_reception import PassingReception
from tests.scripted_server import ScriptedServer

pytestmark = pytest.mark.programs
MESSAGES = 40


def program(name: str) -> str:
    """Postfix keeps its programs where only root looks."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/lib/postfix/sbin")
    assert found is not None, f"{name} is missing: make programs installs it"
    return found


async def ran(*command: str) -> str:
    """Runs it to its end; its output, if it went well."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
    async with asyncio.timeout(30):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


@asynccontextmanager
async def smtp_sink(folder: Path) -> AsyncIterator[int]:
    """smtp-sink on a free port, each message a file."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [program("smtp-sink"), *user, "-4", "-d", f"{folder}/%M.", f"127.0.0.1:{port}", "100"]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL, cwd=folder)
    try:
        async with asyncio.timeout(10):
            await listening(port)
        yield port
    finally:
        process.terminate()
        await process.wait()


async def listening(port: int) -> None:
    """Waits until somebody answers there."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return


@asynccontextmanager
async def device(server_port: int, reception: PassingReception) -> AsyncIterator[Endpoint]:
    async with asyncio.TaskGroup() as tasks:
        server = Endpoint("127.0.0.1", server_port)
        listener = Listener(Endpoint("127.0.0.1", 0), server, reception, SessionLimits(), tasks=tasks)
        await listener.start()
        try:
            yield listener.endpoint
        finally:
            await listener.stop(5)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that smtp-sink may write to when it is nobody; pytest's own are its user's alone."""
    with tempfile.TemporaryDirectory(prefix="smtp-sink-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.mark.parametrize("size", ["100", "100000"])
async def test_smtp_source_reaches_smtp_sink(size: str, folder: Path) -> None:
    """Many sessions at once: as many messages come out as went in, each settled by the server's 250."""
    reception = PassingReception()
    async with smtp_sink(folder) as port, device(port, reception) as here:
        flood = ["-s", "8", "-m", str(MESSAGES), "-l", size, "-f", "a@example.org", "-t", "b@example.net"]
        await ran(program("smtp-source"), *flood, f"{here.host}:{here.port}")
    assert [message.endings for message in reception.messages] == [["250"]] * MESSAGES
    written = files_in(folder)
    assert len(written) == MESSAGES
    assert all(any(message.content in each for each in written) for message in reception.messages)


def files_in(folder: Path) -> list[bytes]:
    """smtp-sink's files, with the line ends of the wire."""
    return [path.read_bytes().replace(b"\n", b"\r\n") for path in folder.iterdir()]


async def test_swaks_sends_an_attachment(tmp_path: Path) -> None:
    """A client that speaks TLS, AUTH and pipelining finds neither where they aren't, and delivers."""
    attachment = tmp_path / "harmless.bin"
    attachment.write_bytes(bytes(range(256)) * 100)
    server, reception = ScriptedServer(), PassingReception()
    async with server.running(), device(server.port, reception) as here:
        output = await ran(
            program("swaks"),
            *("--server", here.host, "--port", str(here.port), "--ehlo", "client.example.org", "--tls-optional"),
            *("--from", "a@example.org", "--to", "b@example.net,c@example.net", "--attach", f"@{attachment}"),
        )
    assert "250 2.0.0 Ok: queued" in output
    assert server.messages == [reception.messages[0].content]
    envelope = reception.messages[0].envelope
    assert envelope is not None
    assert envelope.paths == (b"b@example.net", b"c@example.net")
