"""Several worker processes on one port: mail spreads over them, none is lost with one, and together they are one device."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from cloud.address import Address
from device import control
from device.errors import DeviceError
from device.mail_path import entrance
from device.settings import Settings
from device.workers.workers import Workers
from lab.mailserver.server import MailServer, mail_server
from lab.processes import ProcessFailed, Running, command_line, result_of, start
from lab.traffic.load import Letter, Load
from lab.traffic.messages import message
from lab.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

FREE = Address("127.0.0.1", 0)
SECONDS = 60.0
WORKERS = 2


@dataclass
class Place:
    """A device of several workers that is a member of no realm, and a mail server behind it."""

    state: Path
    server: MailServer
    device: Running

    @property
    def smtp(self) -> Address:
        return Address.parse(self.device.ready["smtp"])

    async def workers(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = (await control.ask(self.state, "status"))["workers"]
        return told

    async def pids(self) -> set[int]:
        return {each["pid"] for each in await self.workers() if each["serving"]}

    async def counters(self) -> dict[str, int]:
        told: dict[str, int] = (await control.ask(self.state, "statistics"))["counters"]
        return told

    async def ask(self, question: str) -> None:
        assert await control.ask(self.state, question, SECONDS) == {}


@asynccontextmanager
async def running_place(folder: Path) -> AsyncIterator[Place]:
    async with mail_server(FREE, FREE) as server:
        flags = ("--listen=127.0.0.1:0", f"--server={server.smtp}", f"--workers={WORKERS}", "--stop-grace=60")
        state = folder / "state"
        command = command_line("srx", "run", "--json", f"--state={state}", *flags)
        device = await start(command, folder / "device.log", {})
        try:
            yield Place(state, server, device)
        finally:
            await device.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with running_place(tmp_path_factory.mktemp("workers")) as made:
        yield made


class Client:
    """One SMTP session, line by line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    @asynccontextmanager
    async def at(cls, address: Address) -> "AsyncIterator[Client]":
        reader, writer = await asyncio.open_connection(address.host, address.port)
        try:
            client = cls(reader, writer)
            assert await client.reply() == 220
            yield client
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def begin(self) -> None:
        """Half of a message."""
        for line in (b"HELO client.example.com", b"MAIL FROM:<half@example.com>", b"RCPT TO:<half@example.net>"):
            assert await self.ask(line) == 250
        assert await self.ask(b"DATA") == 354
        self.say(b"Subject: in two halves\r\n\r\nOne half,\r\n")

    async def end(self) -> int:
        """The other half; its reply."""
        self.say(b"and the other.\r\n")
        return await self.ask(b".")

    def say(self, data: bytes) -> None:
        self._writer.write(data)

    async def ask(self, line: bytes) -> int:
        self.say(line + b"\r\n")
        return await self.reply()

    async def reply(self) -> int:
        async with asyncio.timeout(SECONDS):
            return int((await self._reader.readline())[:3] or b"0")


def letters(about: str, count: int) -> list[Letter]:
    return [letter(f"{about}-{number}") for number in range(count)]


def letter(name: str) -> Letter:
    sender, recipient = f"{name}@example.com", f"{name}@example.net"
    return Letter(name, sender, recipient, message(sender, recipient, name, "Words.\r\n", identity=name))


def lost(place: Place, load: Load, sent: list[Letter]) -> list[str]:
    """What was answered with 250, and the mail server does not have."""
    return [each.identity for each in sent if each.identity in load.promised and not there(place, each)]


def there(place: Place, each: Letter) -> bool:
    return any(taken.content == each.content for taken in place.server.inboxes.of(each.recipient))


async def test_connections_spread_over_workers_and_are_shown_as_one_device(place: Place) -> None:
    """Sessions and counters are sums; each worker is a process of its own."""
    async with AsyncExitStack() as clients:
        for _ in range(24):
            await clients.enter_async_context(Client.at(place.smtp))
        workers = await place.workers()
        assert sum(each["sessions"] for each in workers) == 24
        assert all(each["sessions"] > 0 for each in workers)
        assert {each["pid"] for each in workers} == {each.pid for each in psutil.Process(place.device.pid).children()}
        assert (await place.counters())["session-actives"] == 24

    async def all_gone() -> bool:
        return (await place.counters())["session-actives"] == 0

    await until(all_gone, SECONDS)
    assert (await place.counters())["session-interested"] == 24
    log = (place.state.parent / "device.log").read_text()
    assert "worker=1" in log
    assert "worker=2" in log


async def test_no_promised_mail_dies_with_a_worker_and_another_takes_its_place(place: Place) -> None:
    """With kill -9, in the middle of a load: the other one goes on, what was counted stays, the line is whole again."""
    before, sent = await place.counters(), letters("killed", 200)
    load = Load(place.smtp, sent, 8)
    (victim, survivor) = sorted(await place.pids())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load.run())
        await load.until_answered(60)
        await place.counters()
        psutil.Process(victim).kill()
    assert len(load.promised) + len(load.unanswered) == len(sent)
    assert len(load.unanswered) <= 8
    assert lost(place, load, sent) == []

    async def two_again() -> bool:
        return len(await place.pids()) == WORKERS

    await until(two_again, SECONDS)
    now = await place.pids()
    assert survivor in now
    assert victim not in now
    assert (await place.counters())["email-processed"] >= before["email-processed"] + 60
    assert "worker.died" in (place.state.parent / "device.log").read_text()


async def test_a_reload_replaces_every_worker_and_drops_no_session(place: Place) -> None:
    """A session begun before it ends well after it; a load beside it loses not one connection."""
    before, sent = await place.pids(), letters("reloaded", 200)
    load = Load(place.smtp, sent, 4)
    async with Client.at(place.smtp) as client, asyncio.TaskGroup() as tasks:
        await client.begin()
        tasks.create_task(load.run())
        await place.ask("reload")
        assert not before & await place.pids()
        assert [
            each for each in await place.workers() if each["pid"] in before and each["sessions"] and not each["serving"]
        ]
        assert await client.end() == 250
        assert await client.ask(b"QUIT") == 221
    assert load.unanswered == []
    assert len(load.promised) == len(sent)
    assert lost(place, load, sent) == []

    async def old_ones_gone() -> bool:
        return not before & {each["pid"] for each in await place.workers()}

    await until(old_ones_gone, SECONDS)


async def test_a_stop_lets_what_is_in_flight_finish(place: Place) -> None:
    """The client in DATA gets its 250; then no process is left."""
    children = psutil.Process(place.device.pid).children()
    async with Client.at(place.smtp) as client:
        await client.begin()
        await place.ask("stop")
        assert await client.end() == 250
        assert await client.reply() == 421
    assert await place.device.ended() == 0
    assert not [each for each in children if each.is_running()]


async def test_what_ends_every_worker_at_its_start_ends_the_start(tmp_path: Path) -> None:
    """In the worker's own sentence."""
    absent = tmp_path / "absent.pem"
    flags = {"state": tmp_path, "server": "127.0.0.1:1", "listen": "127.0.0.1:0", "workers": "2"}
    settings = Settings.read({**flags, "tls_certificate": absent, "tls_key": absent}, {})
    async with asyncio.TaskGroup() as tasks:
        workers = Workers(settings, entrance(settings), tasks)
        with pytest.raises(DeviceError, match="can't be used"):
            await workers.start()
        workers.close()


async def test_an_open_relay_has_no_workers(tmp_path: Path) -> None:
    """Who makes the entrance refuses it."""
    flags = ("--server=127.0.0.1:1", "--listen=0.0.0.0:0", "--workers=2")
    with pytest.raises(ProcessFailed, match="an open relay"):
        await result_of(command_line("srx", "run", f"--state={tmp_path / 'state'}", *flags), {})


async def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """Nobody renews, shows or stops them then; the next device has the port for itself."""
    async with running_place(tmp_path) as place:
        children = psutil.Process(place.device.pid).children()
        await place.device.kill()
        gone, alive = await asyncio.to_thread(psutil.wait_procs, children, SECONDS)
        assert (len(gone), alive) == (WORKERS, [])
