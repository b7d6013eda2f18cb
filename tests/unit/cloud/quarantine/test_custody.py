"""Acts on held messages: the first wins, the record is true, and what follows is handed over."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from atp.v1 import quarantine_pb2 as wire
from cloud.errors import Conflict, NotFound, Refused, ShuttingDown
from cloud.quarantine.custody import Custody
from cloud.quarantine.held import HeldMessage
from cloud.quarantine.lifecycle import Act, Actor, ActorKind, State
from tests.unit.cloud.quarantine.world import ADMINISTRATOR, RECIPIENT, World, manifest_for, sample


async def hold(world: World, request_id: str = "request-0000000001") -> str:
    return (await world.hold(request_id)).message_id


async def act(world: World, message_id: str, what: Act, actor: Actor = RECIPIENT) -> HeldMessage:
    return await world.custody.act(world.realm.id, message_id, what, actor)


async def test_a_release_is_sent_and_told(world: World) -> None:
    message_id = await hold(world)
    held = await act(world, message_id, Act.RELEASE)
    assert (held.state, held.acted_by, held.acted_at) == (
        State.SENDING,
        "recipient:bob@example.org",
        world.moment[0],
    )
    ((_, released, act_id),) = world.calls.named("release")
    assert released == message_id
    assert world.calls.named("notice") == [("notice", act_id)]
    assert await world.custody.unsent_acts() == []


async def test_a_request_is_told_and_not_sent(world: World) -> None:
    await world.set(release_option="administrator")
    message_id = await hold(world)
    assert (await act(world, message_id, Act.REQUEST)).state is State.REQUESTED
    assert world.calls.named("release") == []
    assert len(world.calls.named("notice")) == 1
    assert (await act(world, message_id, Act.RELEASE, ADMINISTRATOR)).state is State.SENDING
    assert len(world.calls.named("notice")) == 2


async def test_the_same_act_again_changes_nothing_and_tells_nobody(world: World) -> None:
    message_id = await hold(world)
    first = await act(world, message_id, Act.RELEASE)
    world.later(minutes=1)
    assert await act(world, message_id, Act.RELEASE, ADMINISTRATOR) == first
    assert len(world.calls.named("release")) == len(world.calls.named("notice")) == 1


async def test_a_deleted_message_is_gone_from_the_disk(world: World) -> None:
    """Blob and wrapped key: neither stands in any file of the state folder, the journal included."""
    message_id = await hold(world)
    key = await _wrapped_key(world, message_id)
    blob = (world.state / "vault" / world.realm.id / message_id).read_bytes()
    assert any(key in content for content in world.files().values())
    held = await act(world, message_id, Act.DELETE)
    assert held.state is State.DELETED
    with pytest.raises(NotFound):
        await world.custody.open(world.realm.id, message_id)
    for content in world.files().values():
        assert key not in content
        assert blob[5:50] not in content


async def _wrapped_key(world: World, message_id: str) -> bytes:
    _, sealed = await world.store.sealed(world.realm.id, message_id)
    return sealed.wrapped_key


async def test_another_act_after_the_first_is_a_conflict_that_says_what_happened(world: World) -> None:
    message_id = await hold(world)
    await act(world, message_id, Act.DELETE)
    with pytest.raises(Conflict, match="was deleted already"):
        await act(world, message_id, Act.RELEASE, ADMINISTRATOR)


async def test_the_release_option_in_force_decides(world: World) -> None:
    message_id = await hold(world)
    await world.set(release_option="administrator")
    with pytest.raises(Refused):
        await act(world, message_id, Act.RELEASE)
    assert (await act(world, message_id, Act.DELETE)).state is State.DELETED


async def test_of_many_at_once_one_wins(world: World) -> None:
    message_id = await hold(world)

    async def attempt(what: Act) -> State | None:
        try:
            return (await act(world, message_id, what, ADMINISTRATOR)).state
        except Conflict:
            return None

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(attempt(what)) for what in (Act.RELEASE, Act.DELETE) * 8]
    final = (await world.custody.get(world.realm.id, message_id)).state
    assert {task.result() for task in running} == {final, None}
    assert len(world.calls.named("notice")) == 1


@pytest.mark.parametrize("what", list(Act))
async def test_another_realms_message_is_not_there(world: World, what: Act) -> None:
    message_id = await hold(world)
    other = await world.realms.create("other", world.moment[0])
    for call in (world.custody.get, world.custody.open, world.custody.manifest):
        asked: Any = call
        with pytest.raises(NotFound):
            await asked(other.id, message_id)
    with pytest.raises(NotFound):
        await world.custody.act(other.id, message_id, what, ADMINISTRATOR)
    assert await world.custody.list(other.id) == []


async def test_a_sent_message_is_released_and_keeps_its_content(world: World) -> None:
    message_id = await hold(world)
    await act(world, message_id, Act.RELEASE)
    await world.custody.finish_sending(message_id, taken=True)
    await world.custody.finish_sending(message_id, taken=True)
    opened = await world.custody.open(world.realm.id, message_id)
    assert (opened.held.state, opened.content) == (State.RELEASED, sample())


async def test_a_message_that_no_server_took_is_held_again_and_can_be_released_again(world: World) -> None:
    message_id = await hold(world)
    await act(world, message_id, Act.RELEASE)
    await world.custody.finish_sending(message_id, taken=False)
    await world.custody.finish_sending(message_id, taken=False)
    assert (await world.custody.get(world.realm.id, message_id)).state is State.HELD
    assert (await act(world, message_id, Act.RELEASE)).state is State.SENDING
    assert len({act_id for _, _, act_id in world.calls.named("release")}) == 2


async def test_the_end_of_an_older_release_does_not_end_a_newer_one(world: World) -> None:
    message_id = await hold(world)
    await act(world, message_id, Act.RELEASE)
    await world.custody.finish_sending(message_id, taken=False)
    await act(world, message_id, Act.RELEASE)
    (_, _, older), (_, _, newer) = world.calls.named("release")
    await world.custody.finish_sending(message_id, taken=False, act_id=older)
    assert (await world.custody.get(world.realm.id, message_id)).state is State.SENDING
    await world.custody.finish_sending(message_id, taken=True, act_id=newer)
    assert (await world.custody.get(world.realm.id, message_id)).state is State.RELEASED


async def test_only_a_message_that_is_being_sent_can_have_been_sent(world: World) -> None:
    message_id = await hold(world)
    with pytest.raises(Conflict):
        await world.custody.finish_sending(message_id, taken=True)
    with pytest.raises(NotFound):
        await world.custody.finish_sending("msg_unknown", taken=True)


@pytest.mark.parametrize("failure", [ShuttingDown("not now"), OSError("disk full")], ids=["ours", "not ours"])
@pytest.mark.parametrize("later", [Custody.hand_over_unsent, Custody.recover], ids=["a minute later", "next start"])
async def test_what_could_not_be_handed_over_is_handed_over_later(
    world: World, failure: Exception, later: Callable[[Custody], Awaitable[None]]
) -> None:
    """Whoever acted has acted, and hears of no failure."""
    receipt = await world.hold()
    world.calls.failing = failure
    await world.settle(receipt, wire.SETTLE_OUTCOME_ACCEPTED)
    held = await act(world, receipt.message_id, Act.RELEASE)
    assert held.state is State.SENDING
    (unsent,) = await world.custody.unsent_acts()
    assert (unsent.message_id, unsent.act, unsent.actor) == (receipt.message_id, Act.RELEASE, RECIPIENT)
    await later(world.custody)
    assert len(await world.custody.unsent_acts()) == 1
    world.calls.failing = None
    await later(world.custody)
    assert world.calls.named("release") == [("release", receipt.message_id, unsent.id)]
    assert world.calls.named("notice") == [("notice", unsent.id)]
    assert world.calls.named("quarantined") == [("quarantined", receipt.message_id)]
    await later(world.custody)
    assert len(world.calls.named("release")) == len(world.calls.named("quarantined")) == 1


async def test_a_list_is_newest_first_and_by_state(world: World) -> None:
    first = await hold(world)
    await act(world, first, Act.DELETE)
    world.later(minutes=1)
    second = await hold(world, "request-0000000002")
    ids = [held.id for held in await world.custody.list(world.realm.id)]
    assert ids == [second, first]
    assert [held.id for held in await world.custody.list(world.realm.id, limit=1)] == [second]
    assert [held.id for held in await world.custody.list(world.realm.id, state=State.DELETED)] == [first]


async def test_the_reading_alone_can_be_had(world: World) -> None:
    message_id = await hold(world)
    assert await world.custody.manifest(world.realm.id, message_id) == manifest_for(sample())


async def test_the_service_itself_may_not_act(world: World) -> None:
    message_id = await hold(world)
    for what in Act:
        with pytest.raises(Refused):
            await act(world, message_id, what, Actor(ActorKind.SYSTEM))
