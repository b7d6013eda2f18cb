"""The audit log is only added to, and a row that was changed all the same is found."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from cloud.storage.audit import AuditStore
from cloud.storage.engine import Database
from tests.enrolling import OwnClock, open_database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_database(tmp_path)
    yield database
    await database.close()


@pytest.fixture
async def store(database: Database) -> AuditStore:
    """Five entries of two realms."""
    store = AuditStore(database, OwnClock(frozen=OwnClock()()))
    for number in range(5):
        await store.append("thing.done", f"realm_{number % 2}", "ada", {"number": number, "who": "Zoë\n"})
    return store


async def test_entries_come_back_as_they_were_newest_first(store: AuditStore) -> None:
    entries = await store.latest()
    assert [entry.fields["number"] for entry in entries] == [4, 3, 2, 1, 0]
    assert entries[0].fields["who"] == "Zoë\n"
    assert [entry.fields["number"] for entry in await store.latest("realm_1")] == [3, 1]
    assert len(await store.latest(limit=2)) == 2


async def test_a_whole_log_is_whole(store: AuditStore) -> None:
    assert await store.first_broken() is None
    assert (await store.head()).number == 5


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        ("UPDATE audit SET actor = 'bob' WHERE number = 3", 3),
        ("UPDATE audit SET fields = '{}' WHERE number = 5", 5),
        ("UPDATE audit SET at = at + 1 WHERE number = 2", 2),
        ("DELETE FROM audit WHERE number = 4", 4),
        ("DELETE FROM audit WHERE number = 1", 1),
        ("UPDATE audit SET digest = zeroblob(32) WHERE number = 5", 5),
    ],
)
async def test_tampering_is_refused_and_found_where_the_guard_was_removed(
    store: AuditStore, database: Database, tampering: str, broken: int
) -> None:
    with pytest.raises(DBAPIError, match="only added to"):
        async with database.writing() as connection:
            await connection.exec_driver_sql(tampering)
    async with database.writing() as connection:
        for act in ("update", "delete"):
            await connection.exec_driver_sql(f"DROP TRIGGER audit_refuses_{act}")
        await connection.exec_driver_sql(tampering)
    assert await store.first_broken() == broken
