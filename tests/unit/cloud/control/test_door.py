"""Commands reach the one writer: the running service, or this process under the state's lock."""

import asyncio
import os
import pwd
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloud.control import lists, realms
from cloud.control.door import DirectDoor, ServiceDoor, open_door, take_over
from cloud.control.listener import serving
from cloud.control.unix_socket import connect
from cloud.control.wire import FarError
from cloud.errors import CloudError
from cloud.policy.lists import ListName
from cloud.storage.state_folder import NoState, StateBusy, StateFolder

if TYPE_CHECKING:
    from tests.unit.cloud.control.conftest import Opener


async def test_without_a_service_a_command_opens_the_state_itself(state: Path, opener: "Opener") -> None:
    """The first makes it, the next finds what the first did."""
    async with open_door(state, opener, make=True) as door:
        assert isinstance(door, DirectDoor)
        made = await door.ask(realms.CREATE, realms.CreateRealm("acme"))
    async with open_door(state, opener) as door:
        assert (await door.ask(realms.LIST, realms.ListRealms())).realms == (made,)


async def test_with_a_service_it_goes_through_the_socket(state: Path, opener: "Opener") -> None:
    """The same operation, the same result; errors too."""
    with closing(StateFolder.make(state)) as folder:
        async with opener(folder) as administration, serving(state, administration):
            async with open_door(state, opener) as door:
                assert isinstance(door, ServiceDoor)
                made = await door.ask(realms.CREATE, realms.CreateRealm("acme"))
                with pytest.raises(FarError, match="already"):
                    await door.ask(realms.CREATE, realms.CreateRealm("ACME"))
            assert [realm.id for realm in await administration.realms.all()] == [made.id]
            entry = (await administration.audit.latest())[0]
            assert (entry.what, entry.actor) == ("realm.created", administration_user())


def administration_user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


async def test_a_large_list_goes_through_the_socket(state: Path, opener: "Opener") -> None:
    """A megabyte each way, in one request and one answer."""
    entries = tuple(f"user{number}@a-rather-long-domain.example.com" for number in range(20_000))
    with closing(StateFolder.make(state)) as folder:
        async with opener(folder) as administration, serving(state, administration), asyncio.timeout(60):
            door = ServiceDoor(state)
            await door.ask(realms.CREATE, realms.CreateRealm("acme"))
            change = await door.ask(lists.ADD, lists.ChangeList(None, ListName.BLOCK, entries))
            assert len(change.changed) == len(entries)
            view = await door.ask(lists.SHOW, lists.ShowLists("acme"))
            assert len(view.lists["block"]) == len(entries)


async def test_a_command_waits_for_another_one_to_finish(state: Path, opener: "Opener") -> None:
    """Two commands at once take turns; neither fails."""
    async with open_door(state, opener, make=True) as door:
        await door.ask(realms.CREATE, realms.CreateRealm("acme"))

    async def add(entry: str) -> None:
        async with open_door(state, opener) as door:
            await door.ask(lists.ADD, lists.ChangeList(None, ListName.ALLOW, (entry,)))

    async with asyncio.timeout(30), asyncio.TaskGroup() as commands:
        for number in range(4):
            commands.create_task(add(f"{number}@example.com"))
    async with open_door(state, opener) as door:
        assert len((await door.ask(lists.SHOW, lists.ShowLists(None))).lists["allow"]) == 4


async def test_a_service_waits_for_a_command_but_not_for_a_service(state: Path, opener: "Opener") -> None:
    """A restart beside a command must not fail; a second service must, at once."""
    command = StateFolder.make(state)
    async with asyncio.TaskGroup() as tasks:
        service = tasks.create_task(take_over(state))
        await asyncio.sleep(0)
        command.close()
    with closing(service.result()) as folder:
        async with opener(folder) as administration, serving(state, administration), asyncio.timeout(3):
            with pytest.raises(StateBusy):
                await take_over(state)


async def test_only_what_may_make_a_state_makes_one(state: Path, opener: "Opener") -> None:
    """Others say that there is none, and what makes one."""
    with pytest.raises(NoState) as missing:
        async with open_door(state, opener):
            pass
    assert "realm create" in missing.value.next_step
    assert not os.path.exists(state)  # noqa: ASYNC240, PTH110 - one look, at the end of a test


async def test_what_is_no_command_is_answered_and_the_service_lives_on(state: Path, opener: "Opener") -> None:
    """Silence, rubbish, half a line, an unknown operation."""
    with closing(StateFolder.make(state)) as folder:
        async with opener(folder) as administration, serving(state, administration), asyncio.timeout(20):
            for sent in (b"", b"half a line", b"rubbish\n", b'{"operation": "no.such", "params": {}}\n'):
                answer = await exchange(state, sent)
                assert (b'"error"' in answer) == sent.endswith(b"\n")
            await ServiceDoor(state).ask(realms.LIST, realms.ListRealms())


async def exchange(state: Path, sent: bytes) -> bytes:
    connection = connect(state)
    assert connection is not None
    reader, writer = await asyncio.open_unix_connection(sock=connection)
    writer.write(sent)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_bug_ends_its_command_alone(state: Path, opener: "Opener") -> None:
    """The person is sent to the log, which has the error; the service goes on."""

    def broken() -> datetime:
        raise RuntimeError("secret thoughts")

    noted: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: noted.append(context))
    with closing(StateFolder.make(state)) as folder:
        async with opener(folder) as administration, serving(state, replace(administration, clock=broken)):
            door = ServiceDoor(state)
            with pytest.raises(CloudError, match="failed at this command") as failed:
                await door.ask(realms.CREATE, realms.CreateRealm("acme"))
            assert "secret" not in failed.value.sentence + failed.value.next_step
            assert (await door.ask(realms.LIST, realms.ListRealms())).realms == ()
    assert isinstance(noted[0]["exception"], RuntimeError)
