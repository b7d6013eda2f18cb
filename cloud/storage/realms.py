"""Realms as they are kept: name, settings, and the policy revision that only rises."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, case, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from atp.identity import RealmId
from cloud.clock import NewId
from cloud.errors import Conflict, NotFound
from cloud.policy.realm import Realm, checked_name
from cloud.policy.realm_settings import RealmSettings
from cloud.storage.engine import Database
from cloud.storage.tables.realms import realms


class RealmStore:
    """What is remembered of realms."""

    def __init__(self, database: Database, new_id: NewId) -> None:
        self._database = database
        self._new_id = new_id

    async def create(self, name: str, at: datetime) -> Realm:
        """A new realm with default settings. Raises InvalidRequest for a bad name, Conflict for one that is taken."""
        realm = Realm(RealmId(self._new_id("realm")), checked_name(name), at, RealmSettings(), 1, at)
        async with self._database.writing() as connection:
            if await _first(connection, _named(name)) is not None:
                raise Conflict(
                    f"there is a realm {name} already", next_step="srx-cloud realm list shows the realms there are."
                )
            await connection.execute(
                insert(realms).values(
                    id=realm.id,
                    name=realm.name,
                    created_at=at,
                    settings=realm.settings.to_json(),
                    policy_revision=realm.policy_revision,
                    policy_changed_at=at,
                )
            )
        return realm

    async def by_name(self, name: str) -> Realm:
        """The realm of that name, compared without case. Raises NotFound."""
        async with self._database.reading() as connection:
            return _found(await _first(connection, _named(name)))

    async def by_id(self, realm_id: RealmId) -> Realm:
        """Raises NotFound."""
        async with self._database.reading() as connection:
            return await read_realm(connection, realm_id)

    async def all(self) -> list[Realm]:
        """Every realm, by name."""
        async with self._database.reading() as connection:
            return [_realm(row) for row in await connection.execute(select(realms).order_by(realms.c.name))]

    async def change_settings(self, realm_id: RealmId, settings: RealmSettings, at: datetime) -> Realm:
        """Replace the settings; the policy revision rises. Raises NotFound."""
        async with self._database.writing() as connection:
            await raise_revision(connection, realm_id, at)
            await connection.execute(update(realms).where(realms.c.id == realm_id).values(settings=settings.to_json()))
            return await read_realm(connection, realm_id)

    async def policy_changed(self, realm_id: RealmId, at: datetime, *, beyond: int = 0) -> Realm:
        """Raise the revision for a change that lies elsewhere (release keys), at least beyond that number. Raises NotFound."""
        async with self._database.writing() as connection:
            await raise_revision(connection, realm_id, at, beyond=beyond)
            return await read_realm(connection, realm_id)


async def read_realm(connection: AsyncConnection, realm_id: RealmId) -> Realm:
    """The realm as this transaction sees it. Raises NotFound."""
    return _found(await _first(connection, select(realms).where(realms.c.id == realm_id)))


async def raise_revision(connection: AsyncConnection, realm_id: RealmId, at: datetime, *, beyond: int = 0) -> None:
    """Make this transaction a change of the realm's policy; writers of one realm take turns from here on. Raises NotFound."""
    present = realms.c.policy_revision
    higher = case((present > beyond, present), else_=beyond)
    changed = await connection.execute(
        update(realms).where(realms.c.id == realm_id).values(policy_revision=higher + 1, policy_changed_at=at)
    )
    if not changed.rowcount:
        raise _no_such_realm()


def _named(name: str) -> Select[Any]:
    return select(realms).where(func.lower(realms.c.name) == name.lower())


async def _first(connection: AsyncConnection, query: Select[Any]) -> Row[Any] | None:
    row: Row[Any] | None = (await connection.execute(query)).first()
    return row


def _found(row: Row[Any] | None) -> Realm:
    if row is None:
        raise _no_such_realm()
    return _realm(row)


def _no_such_realm() -> NotFound:
    return NotFound("there is no such realm", next_step="srx-cloud realm list shows the realms there are.")


def _realm(row: Row[Any]) -> Realm:
    return Realm(
        id=RealmId(row.id),
        name=row.name,
        created_at=row.created_at,
        settings=RealmSettings.from_json(row.settings),
        policy_revision=row.policy_revision,
        policy_changed_at=row.policy_changed_at,
    )
