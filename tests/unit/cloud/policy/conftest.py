"""A database of its own for each test, a realm in it, and the editor of its policy."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud.clock import random_id
from cloud.policy.broadcast import PolicyBroadcast
from cloud.policy.editor import PolicyEditor
from cloud.policy.realm import Realm
from cloud.storage.engine import Database
from cloud.storage.lists import ListStore
from cloud.storage.migrations.upgrade import upgrade_sqlite
from cloud.storage.realms import RealmStore

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class OneKey:
    """A realm's release keys, as the release room gives them."""

    async def public_keys(self, realm_id: str) -> Mapping[str, bytes]:
        return {f"key-of-{realm_id}": b"k" * 32}


@dataclass(frozen=True, slots=True)
class Office:
    """Where a realm's policy is made."""

    realms: RealmStore
    editor: PolicyEditor
    broadcast: PolicyBroadcast
    realm: Realm


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    upgrade_sqlite(tmp_path / "cloud.db")
    database = Database.open_sqlite(tmp_path / "cloud.db")
    realms, lists = RealmStore(database, random_id), ListStore(database, random_id)
    broadcast = PolicyBroadcast()
    editor = PolicyEditor(realms, lists, OneKey(), broadcast, lambda: NOW)
    yield Office(realms, editor, broadcast, await realms.create("acme", NOW))
    await database.close()
