"""Streaming delivery through a whole site: large mail goes on while it is inspected, and malice is cut off before its end."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import pytest
import pytest_asyncio

from device.actions.outcome import Refuse, Replace
from device.interception.explicit import Entrance
from device.interception.listener import Listener
from device.smtp.intake import Endpoint
from device.smtp.limits import SessionLimits
from device.smtp.reply import Reply
from device.smtp.streaming import Delivery
from lab.site import Site
from lab.site import site as running_site
from lab.traffic.samples.programs import scored
from lab.traffic.samples.sample import Expected, Sample
from tests.passing_reception import PassingReception
from tests.people import Administrator, Device, People, mail
from tests.scripted_server import SILENCE, Rule, ScriptedServer

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

LARGE = "\r\n".join(f". line {number} begins with a dot" for number in range(20_000))
PIECE = b"a line of a large message\r\n" * 5000
numbers = count()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def streaming(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A site whose device streams."""
    async with running_site(tmp_path_factory.mktemp("streaming")) as made:
        assert made.device is not None
        await made.device.stop()
        await made.start_device("--delivery=stream")
        await Device(made).connected()
        yield made


def clean() -> Sample:
    return Sample("clean", "clean.txt", "text/plain", f"Words, {next(numbers)}.\n".encode(), Expected.CLEAN)


async def test_a_large_clean_mail_arrives_byte_for_byte(streaming: Site) -> None:
    sent = mail("large@example.net", clean(), text=LARGE)
    assert await People(streaming).deliver(sent) == sent.content


async def test_a_large_malicious_mail_is_cut_off_and_its_replacement_arrives(streaming: Site) -> None:
    """One mail arrives, and it is not the one that was sent."""
    sent = mail("malicious@example.net", scored(9), text=LARGE)
    link = await People(streaming).quarantined(sent)
    assert link.startswith("http")
    arrived = await People(streaming).arrived("malicious@example.net")
    assert len(arrived) == 1
    assert LARGE[:100].encode() not in arrived[0]


async def test_a_large_mail_that_is_tagged_is_held(streaming: Site) -> None:
    """Its header has to change, so it cannot go on before."""
    administrator = Administrator(streaming)
    await administrator.set(action="tag-and-deliver")
    try:
        arrived = await People(streaming).deliver(mail("tagged@example.net", scored(9), text=LARGE))
    finally:
        await administrator.put_back()
    assert b"X-Spam-Flag: YES" in arrived
    assert LARGE[-100:].encode() in arrived


async def test_the_server_has_most_of_it_before_the_client_has_sent_its_end() -> None:
    """And none of it as a message, once the outcome is no."""
    server, reception = ScriptedServer(), PassingReception(lambda _: Refuse(Reply.of(554, "5.7.1 No")))
    async with asyncio.timeout(30), server.running(), asyncio.TaskGroup() as tasks:
        entrance = Entrance(Endpoint("127.0.0.1", 0), Endpoint("127.0.0.1", server.port))
        listener = Listener(entrance, reception, SessionLimits(), tasks=tasks, delivery=Delivery.STREAM)
        await listener.start()
        reader, writer = await asyncio.open_connection(entrance.endpoint.host, entrance.endpoint.port)
        writer.write(b"EHLO c\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n" + PIECE)
        await server.until_body_has(len(PIECE) // 2)
        writer.write(b"the end\r\n.\r\nQUIT\r\n")
        lines = (await reader.read()).splitlines()
        assert [line[:3] for line in lines][-3:] == [b"354", b"554", b"221"]
        await server.until_gone()
        assert server.messages == []
        assert b"the end" not in server.body
        writer.close()
        await listener.stop(0)


@pytest.mark.parametrize("leaves", [False, True])
async def test_a_stop_does_not_wait_for_a_second_delivery_without_end(*, leaves: bool) -> None:
    """The server is silent on the second connection; whether the client is still there or not, the session is over in time."""
    server = ScriptedServer([Rule("EHLO", SILENCE, turn=2)])
    reception = PassingReception(lambda _: Replace(b"q@example.net", b"Instead.\r\n"))
    async with asyncio.timeout(30), server.running(), asyncio.TaskGroup() as tasks:
        entrance = Entrance(Endpoint("127.0.0.1", 0), Endpoint("127.0.0.1", server.port))
        listener = Listener(entrance, reception, SessionLimits(), tasks=tasks, delivery=Delivery.STREAM)
        await listener.start()
        _, writer = await asyncio.open_connection(entrance.endpoint.host, entrance.endpoint.port)
        writer.write(b"EHLO c\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n" + PIECE)
        await server.until_body_has(len(PIECE) // 2)
        writer.write(b"the end\r\n.\r\n")
        await server.until_heard("EHLO", times=2)
        if leaves:
            writer.transport.abort()
        async with asyncio.timeout(10):
            await listener.stop(0)
        writer.close()
