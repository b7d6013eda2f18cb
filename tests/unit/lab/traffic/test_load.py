"""The sender that counts promises."""

import asyncio

import pytest

from cloud.address import Address
from lab.traffic.load import Letter, Load, NoReply
from tests.scripted_server import CLOSE, Rule, ScriptedServer


def letters(count: int) -> list[Letter]:
    return [
        Letter(f"id-{number}", "a@example.com", "b@example.net", f"Subject: {number}\r\n\r\n.dot\r\n".encode())
        for number in range(count)
    ]


async def load_of(server: ScriptedServer, count: int, *, sessions: int = 3) -> Load:
    load = Load(Address("127.0.0.1", server.port), letters(count), sessions, patience=0.3)
    async with asyncio.timeout(20):
        await load.run()
    return load


async def test_every_letter_arrives_once_and_is_accounted_for() -> None:
    async with ScriptedServer().running() as server:
        load = await load_of(server, 20)
    assert load.promised == {f"id-{number}" for number in range(20)}
    assert sorted(server.messages) == sorted(letter.content for letter in letters(20))
    assert server.connections == 3


async def test_a_refusal_is_no_promise_and_the_next_letter_goes_on() -> None:
    """Before the content and after it; the session stays."""
    rules = [Rule("RCPT", "550 no", turn=1), Rule(".", "451 later", turn=1)]
    async with ScriptedServer(rules).running() as server:
        load = await load_of(server, 3, sessions=1)
    assert load.codes == {"id-0": 550, "id-1": 451, "id-2": 250}
    assert load.promised == {"id-2"}


async def test_a_broken_connection_costs_one_letter_its_reply() -> None:
    async with ScriptedServer([Rule(".", CLOSE, turn=2)]).running() as server:
        load = await load_of(server, 4, sessions=1)
    assert load.unanswered == ["id-1"]
    assert load.promised == {"id-0", "id-2", "id-3"}
    assert server.connections == 2


async def test_a_server_that_stays_away_is_told_of() -> None:
    async with ScriptedServer().running() as server:
        pass
    with pytest.raises(ExceptionGroup) as raised:
        await load_of(server, 1, sessions=1)
    assert raised.group_contains(NoReply)


async def test_whoever_waits_hears_how_far_it_is() -> None:
    async with ScriptedServer().running() as server, asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        load = Load(Address("127.0.0.1", server.port), letters(9), 2)
        tasks.create_task(load.run())
        await load.until_answered(5)
        assert len(load.promised) >= 5
