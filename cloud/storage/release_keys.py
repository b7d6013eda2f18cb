"""Release keys as they are kept: public halves in the open, private halves sealed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from cloud.storage.engine import Database
from cloud.storage.tables.release import release_keys


@dataclass(frozen=True, slots=True)
class KeptKey:
    """One key; the private half as KeyRing sealed it."""

    id: str
    realm_id: str
    public_key: bytes
    sealed_private_key: bytes
    created_at: datetime
    replaced_at: datetime | None
    retired_at: datetime | None


class ReleaseKeyStore:
    """What is remembered of release keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def signing(self, realm_id: str) -> KeptKey | None:
        """The key that signs now; None where the realm has none yet."""
        query = (
            select(release_keys)
            .where(release_keys.c.realm_id == realm_id, release_keys.c.replaced_at.is_(None))
            .order_by(release_keys.c.created_at.desc(), release_keys.c.id)
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else _kept(row)

    async def valid(self, realm_id: str) -> list[KeptKey]:
        """The keys whose passes devices take, oldest first."""
        query = (
            select(release_keys)
            .where(release_keys.c.realm_id == realm_id, release_keys.c.retired_at.is_(None))
            .order_by(release_keys.c.created_at)
        )
        async with self._database.reading() as connection:
            return [_kept(row) for row in await connection.execute(query)]

    async def first(self, key: KeptKey) -> bool:
        """Make this the realm's key unless it has one; of two at once, one does."""
        async with self._database.writing() as connection:
            mine = release_keys.c.realm_id == key.realm_id
            if (await connection.execute(select(release_keys.c.id).where(mine))).first() is not None:
                return False
            await connection.execute(insert(release_keys).values(_values(key)))
            return True

    async def replace(self, key: KeptKey) -> None:
        """Sign with this key from now on; the passes of the ones before still hold."""
        async with self._database.writing() as connection:
            await connection.execute(
                update(release_keys)
                .where(release_keys.c.realm_id == key.realm_id, release_keys.c.replaced_at.is_(None))
                .values(replaced_at=key.created_at)
            )
            await connection.execute(insert(release_keys).values(_values(key)))

    async def retire_replaced(self, realm_id: str, before: datetime, at: datetime) -> int:
        """Take back the keys that were replaced before that time; how many."""
        due = release_keys.c.replaced_at.is_not(None) & (release_keys.c.replaced_at <= before)
        async with self._database.writing() as connection:
            done = await connection.execute(
                update(release_keys)
                .where(release_keys.c.realm_id == realm_id, due, release_keys.c.retired_at.is_(None))
                .values(retired_at=at)
            )
            return done.rowcount


def _values(key: KeptKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "realm_id": key.realm_id,
        "public_key": key.public_key,
        "sealed_private_key": key.sealed_private_key,
        "created_at": key.created_at,
    }


def _kept(row: Row[Any]) -> KeptKey:
    return KeptKey(
        row.id,
        row.realm_id,
        row.public_key,
        row.sealed_private_key,
        row.created_at,
        row.replaced_at,
        row.retired_at,
    )
