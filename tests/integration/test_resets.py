"""Peers that reset their connection before anybody has looked at it: a port scanner, a server that sheds load."""

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from device.interception.explicit import Entrance
from device.interception.listener import Listener
from device.smtp.intake import Endpoint
from device.smtp.limits import SessionLimits
from device.telemetry.counters import Count, Counters, SessionCount
from lab.waiting import until
from tests.passing_reception import PassingReception
from tests.scripted_server import ScriptedServer

PLACES = 10
LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


def running(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
    server_port: int | None,
    play: Callable[[int, Counters], Awaitable[None]],
) -> None:
    """A listener with few places, in front of a server of its own or of the one at that port, while `play` runs."""

    async def main() -> None:
        failures: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        server, counters = ScriptedServer(), Counters()
        async with asyncio.timeout(30), server.running(), asyncio.TaskGroup() as tasks:
            entrance = Entrance(Endpoint("127.0.0.1", 0), Endpoint("127.0.0.1", server_port or server.port))
            limits = SessionLimits(sessions=PLACES)
            listener = Listener(entrance, PassingReception(), limits, tasks=tasks, counter=SessionCount(counters))
            await listener.start()
            await play(entrance.endpoint.port, counters)
            await listener.stop(0)
        assert failures == []

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())


def reset(made: socket.socket) -> None:
    """Close it by RST (socket(7), SO_LINGER)."""
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    made.close()


@pytest.mark.parametrize("new_loop", LOOPS)
def test_clients_that_are_gone_before_they_are_accepted_keep_no_place(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """As many resets as there are places: the next client is served."""

    async def play(port: int, counters: Counters) -> None:
        for _ in range(PLACES):
            reset(socket.create_connection(("127.0.0.1", port)))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def nobody_else() -> bool:
            return counters.snapshot()[Count.SESSION_ACTIVE] <= 1

        await until(nobody_else, 10)
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert (await reader.readline()).startswith(b"220")
        writer.close()

    running(new_loop, None, play)


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_server_that_resets_at_once_is_one_that_is_away(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """Every client hears 421, and no session stays."""
    listening = socket.create_server(("127.0.0.1", 0))

    def reset_all() -> None:
        while True:
            try:
                reset(listening.accept()[0])
            except OSError:
                return

    async def play(port: int, counters: Counters) -> None:
        for _ in range(5):
            clients = [await asyncio.open_connection("127.0.0.1", port) for _ in range(PLACES)]
            for reader, writer in clients:
                assert (await reader.read())[:3] == b"421"
                writer.close()

            async def nobody() -> bool:
                return counters.snapshot()[Count.SESSION_ACTIVE] == 0

            await until(nobody, 10)

    resetting = threading.Thread(target=reset_all)
    resetting.start()
    try:
        running(new_loop, listening.getsockname()[1], play)
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        resetting.join()
