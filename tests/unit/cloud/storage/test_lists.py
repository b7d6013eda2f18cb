"""Lists as they are kept."""

from datetime import UTC, datetime

import pytest

from atp.identity import RealmId
from cloud.clock import random_id
from cloud.errors import NotFound, TooLarge
from cloud.policy.lists import ListName, Lists
from cloud.storage.engine import Database
from cloud.storage.lists import ListStore
from cloud.storage.realms import RealmStore

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ALLOW, BLOCK = ListName.ALLOW, ListName.BLOCK


async def test_only_what_is_new_is_added_and_only_what_is_there_removed(database: Database) -> None:
    """Each says what it did, and the revision rises once a change."""
    realm = await RealmStore(database, random_id).create("acme", NOW)
    store = ListStore(database, random_id)
    assert await store.add(realm.id, ALLOW, ("b@x", "a@x", "b@x"), NOW) == ("b@x", "a@x")
    assert await store.add(realm.id, ALLOW, ("a@x", "c@x"), NOW) == ("c@x",)
    assert await store.remove(realm.id, ALLOW, ("a@x", "z@x"), NOW) == ("a@x",)
    assert await store.remove(realm.id, ALLOW, ("a@x",), NOW) == ()
    after, lists = await store.policy_of(realm.id)
    assert lists == Lists(allow=("b@x", "c@x"))
    assert after.policy_revision == realm.policy_revision + 3


async def test_lists_and_realms_are_apart(database: Database) -> None:
    """The same entry may stand on both lists, and on another realm's."""
    realms, store = RealmStore(database, random_id), ListStore(database, random_id)
    one, other = await realms.create("one", NOW), await realms.create("other", NOW)
    await store.add(one.id, ALLOW, ("a@x",), NOW)
    await store.add(one.id, BLOCK, ("a@x",), NOW)
    assert (await store.policy_of(other.id))[1] == Lists()
    await store.remove(one.id, ALLOW, ("a@x",), NOW)
    assert (await store.policy_of(one.id))[1] == Lists(block=("a@x",))


async def test_a_full_list_takes_no_more_and_loses_nothing(database: Database) -> None:
    """What is refused changes neither the list nor the revision; a large list can be taken off at once."""
    realm = await RealmStore(database, random_id).create("acme", NOW)
    store = ListStore(database, random_id, most=1200)
    entries = tuple(f"u{number}@x" for number in range(1200))
    await store.add(realm.id, BLOCK, entries, NOW)
    with pytest.raises(TooLarge):
        await store.add(realm.id, BLOCK, ("one-more@x",), NOW)
    after, lists = await store.policy_of(realm.id)
    assert len(lists.block) == 1200
    assert after.policy_revision == realm.policy_revision + 1
    assert len(await store.remove(realm.id, BLOCK, entries, NOW)) == 1200


async def test_an_unknown_realm_has_no_policy(database: Database) -> None:
    """Nor can it be given entries."""
    store = ListStore(database, random_id)
    with pytest.raises(NotFound):
        await store.policy_of(RealmId("realm_x"))
    with pytest.raises(NotFound):
        await store.add(RealmId("realm_x"), ALLOW, ("a@x",), NOW)
