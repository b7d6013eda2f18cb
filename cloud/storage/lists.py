"""Allowlists and blocklists as they are kept: entries in normal form, each change raising the realm's policy revision."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from atp.identity import RealmId
from cloud.clock import NewId
from cloud.errors import TooLarge
from cloud.policy.lists import MAX_ENTRIES, ListName, Lists
from cloud.policy.realm import Realm
from cloud.storage.engine import Database
from cloud.storage.realms import raise_revision, read_realm
from cloud.storage.tables.realms import list_entries

_ROWS_A_STATEMENT: Final = 500


class ListStore:
    """What is remembered of lists. Entries come in the normal form of policy/lists.py."""

    def __init__(self, database: Database, new_id: NewId, *, most: int = MAX_ENTRIES) -> None:
        self._database = database
        self._new_id = new_id
        self._most = most

    async def add(self, realm_id: RealmId, name: ListName, entries: tuple[str, ...], at: datetime) -> tuple[str, ...]:
        """Put entries on a list; those that were not there are given back. Raises TooLarge, and then nothing was changed."""
        async with self._database.writing() as connection:
            present = set(await _entries(connection, realm_id, name))
            new = tuple(entry for entry in dict.fromkeys(entries) if entry not in present)
            if len(present) + len(new) > self._most:
                raise TooLarge(
                    f"the list would hold more than {self._most} entries",
                    next_step="Remove entries that are not needed, or list whole domains.",
                )
            if new:
                await raise_revision(connection, realm_id, at)
                await connection.execute(insert(list_entries), [self._row(realm_id, name, each, at) for each in new])
        return new

    async def remove(
        self, realm_id: RealmId, name: ListName, entries: tuple[str, ...], at: datetime
    ) -> tuple[str, ...]:
        """Take entries off a list; those that were there are given back."""
        async with self._database.writing() as connection:
            present = set(await _entries(connection, realm_id, name))
            gone = tuple(entry for entry in dict.fromkeys(entries) if entry in present)
            if gone:
                await raise_revision(connection, realm_id, at)
            for start in range(0, len(gone), _ROWS_A_STATEMENT):
                values = gone[start : start + _ROWS_A_STATEMENT]
                await connection.execute(
                    delete(list_entries).where(_of(realm_id, name), list_entries.c.value.in_(values))
                )
        return gone

    async def policy_of(self, realm_id: RealmId) -> tuple[Realm, Lists]:
        """The realm and both of its lists, of one moment. Raises NotFound."""
        async with self._database.reading() as connection:
            realm = await read_realm(connection, realm_id)
            allow = await _entries(connection, realm_id, ListName.ALLOW)
            return realm, Lists(allow, await _entries(connection, realm_id, ListName.BLOCK))

    def _row(self, realm_id: RealmId, name: ListName, value: str, at: datetime) -> dict[str, Any]:
        return {
            "id": self._new_id("entry"),
            "realm_id": realm_id,
            "list": name.value,
            "value": value,
            "created_at": at,
        }


async def _entries(connection: AsyncConnection, realm_id: RealmId, name: ListName) -> tuple[str, ...]:
    query = select(list_entries.c.value).where(_of(realm_id, name)).order_by(list_entries.c.value)
    return tuple((await connection.execute(query)).scalars())


def _of(realm_id: RealmId, name: ListName) -> ColumnElement[bool]:
    return and_(list_entries.c.realm_id == realm_id, list_entries.c.list == name.value)
