"""The end of what is kept: no key, no blob, no trace in the journal."""

import os
from datetime import datetime, timedelta

import pytest

from cloud.errors import NotFound
from cloud.quarantine.held import RecordedAct
from cloud.quarantine.lifecycle import Act, State
from cloud.quarantine.retention import Swept
from tests.unit.cloud.quarantine.world import ADMINISTRATOR, RECIPIENT, World


async def test_a_message_is_kept_for_its_time_and_no_longer(world: World) -> None:
    message_id = (await world.hold()).message_id
    assert await world.custody.expire(world.later(days=29, hours=23)) == Swept(0, 0)
    _, sealed = await world.store.sealed(world.realm.id, message_id)
    assert await world.custody.expire(world.later(hours=1)) == Swept(1, 1)
    held = await world.custody.get(world.realm.id, message_id)
    assert (held.state, held.acted_by) == (State.EXPIRED, "system:expired")
    with pytest.raises(NotFound):
        await world.custody.open(world.realm.id, message_id)
    assert not any(sealed.wrapped_key in content for content in world.files().values())
    assert not any(name.startswith("vault/") for name in world.files())


async def test_the_realms_retention_counts_from_the_arrival(world: World) -> None:
    await world.set(retention_days=2)
    receipt = await world.hold()
    held = await world.custody.get(world.realm.id, receipt.message_id)
    assert held.expires_at == held.received_at + timedelta(days=2)
    ((_, _, message_id, until),) = world.calls.named("issue")
    assert (message_id, until) == (receipt.message_id, held.expires_at.isoformat())


async def test_expiry_is_told_to_nobody(world: World) -> None:
    await world.hold()
    await world.custody.expire(world.later(days=31))
    assert world.calls.named("notice") == []


async def test_a_request_that_nobody_answered_expires(world: World) -> None:
    await world.set(release_option="administrator")
    message_id = (await world.hold()).message_id
    await world.custody.act(world.realm.id, message_id, Act.REQUEST, RECIPIENT)
    await world.custody.expire(world.later(days=31))
    assert (await world.custody.get(world.realm.id, message_id)).state is State.EXPIRED


async def test_a_released_message_loses_its_content_and_stays_released(world: World) -> None:
    message_id = (await world.hold()).message_id
    await world.custody.act(world.realm.id, message_id, Act.RELEASE, RECIPIENT)
    await world.custody.finish_sending(message_id, taken=True)
    assert await world.custody.expire(world.later(days=31)) == Swept(1, 1)
    assert (await world.custody.get(world.realm.id, message_id)).state is State.RELEASED
    with pytest.raises(NotFound):
        await world.custody.open(world.realm.id, message_id)


async def test_a_message_that_is_being_sent_is_waited_for(world: World) -> None:
    message_id = (await world.hold()).message_id
    await world.custody.act(world.realm.id, message_id, Act.RELEASE, RECIPIENT)
    assert await world.custody.expire(world.later(days=31)) == Swept(0, 0)
    await world.custody.open(world.realm.id, message_id)
    await world.custody.finish_sending(message_id, taken=False)
    assert await world.custody.expire(world.moment[0]) == Swept(1, 1)


async def test_a_second_sweep_finds_nothing(world: World) -> None:
    await world.hold()
    await world.custody.expire(world.later(days=31))
    assert await world.custody.expire(world.moment[0]) == Swept(0, 0)


async def test_a_blob_that_outlived_its_key_is_removed(world: World) -> None:
    """A kill came between the commit and the removal."""
    message_id = (await world.hold()).message_id
    assert await _commit_deletion(world, message_id)
    assert await world.custody.expire(world.moment[0]) == Swept(0, 1)
    assert not any(name.startswith("vault/") for name in world.files())


async def _commit_deletion(world: World, message_id: str) -> bool:
    held = await world.custody.get(world.realm.id, message_id)
    act = RecordedAct("act_1", world.realm.id, message_id, Act.DELETE, ADMINISTRATOR, world.moment[0])
    return await world.store.record_act(held, State.DELETED, act)


async def test_a_blob_without_a_row_is_removed_once_no_store_can_be_writing_it(world: World) -> None:
    kept = (await world.hold()).message_id
    orphan = world.state / "vault" / world.realm.id / "msg_orphan"
    orphan.write_bytes(b"sealed")
    now = datetime.now(world.moment[0].tzinfo)
    assert await world.custody.expire(world.moment[0]) == Swept(0, 0)
    assert orphan.exists()
    _set_age(orphan, now - timedelta(days=400))
    assert await world.custody.expire(world.moment[0]) == Swept(0, 1)
    assert not orphan.exists()
    await world.custody.open(world.realm.id, kept)


def _set_age(path: os.PathLike[str], at: datetime) -> None:
    os.utime(path, (at.timestamp(), at.timestamp()))
