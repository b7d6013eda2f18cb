"""Realms as they are kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from atp.identity import RealmId
from cloud.clock import random_id
from cloud.errors import Conflict, InvalidRequest, NotFound
from cloud.policy.realm_settings import Action, RealmSettings
from cloud.storage.engine import Database
from cloud.storage.realms import RealmStore

NOW = datetime(2026, 3, 1, tzinfo=UTC)


async def test_a_realm_is_found_by_id_and_by_name_without_case(database: Database) -> None:
    """The same value each time."""
    store = RealmStore(database, random_id)
    realm = await store.create("Acme", NOW)
    assert await store.by_id(realm.id) == realm
    assert await store.by_name("aCME") == realm
    assert realm.settings == RealmSettings()


async def test_names_are_taken_without_case(database: Database) -> None:
    """Two realms that people would confuse can't be."""
    store = RealmStore(database, random_id)
    await store.create("Acme", NOW)
    with pytest.raises(Conflict):
        await store.create("acme", NOW)
    with pytest.raises(InvalidRequest):
        await store.create("a b", NOW)


async def test_realms_are_listed_by_name(database: Database) -> None:
    """All of them."""
    store = RealmStore(database, random_id)
    for name in ("b", "a", "c"):
        await store.create(name, NOW)
    assert [realm.name for realm in await store.all()] == ["a", "b", "c"]


async def test_changed_settings_are_kept_and_raise_the_revision(database: Database) -> None:
    """With the time of the change."""
    store = RealmStore(database, random_id)
    realm = await store.create("acme", NOW)
    later = NOW + timedelta(hours=1)
    changed = await store.change_settings(realm.id, replace(realm.settings, action=Action.PERMIT), later)
    assert changed == await store.by_id(realm.id)
    assert changed.settings.action is Action.PERMIT
    assert (changed.policy_revision, changed.policy_changed_at) == (realm.policy_revision + 1, later)


async def test_an_unknown_realm_is_not_found(database: Database) -> None:
    """By any way."""
    store = RealmStore(database, random_id)
    with pytest.raises(NotFound):
        await store.by_id(RealmId("realm_x"))
    with pytest.raises(NotFound):
        await store.by_name("x")
    with pytest.raises(NotFound):
        await store.change_settings(RealmId("realm_x"), RealmSettings(), NOW)
