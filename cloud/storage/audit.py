"""The audit log as it is kept: who did what, in an order that cannot be changed unnoticed.

Each row's digest is SHA-256 over the row before's digest and everything in this row. Changing, removing or inserting a row
breaks the chain at that row; cutting rows off its end does not, so the digest of the last row is worth noting elsewhere.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Row, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.clock import Clock
from cloud.storage.engine import Database
from cloud.storage.tables.audit import audit

GENESIS: Final = bytes(32)
"""What the first row follows."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that happened. `fields` hold ids, names and addresses; never content, never a secret."""

    at: datetime
    what: str
    realm_id: str | None
    actor: str
    fields: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The log's last row: its number and digest. Number 0: the log is empty."""

    number: int
    digest: bytes


class AuditStore:
    """Adds to the log, reads it, and checks that nobody else has written in it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def append(self, what: str, realm_id: str | None, actor: str, fields: Mapping[str, str | int]) -> None:
        """Note that the actor did this just now, in a transaction of its own."""
        async with self._database.writing() as connection:
            await add_entry(connection, AuditEntry(self._clock(), what, realm_id, actor, fields))

    async def latest(self, realm_id: str | None = None, limit: int = 200) -> list[AuditEntry]:
        """The newest entries first; of one realm, or of all."""
        query = select(audit).order_by(audit.c.number.desc()).limit(limit)
        if realm_id is not None:
            query = query.where(audit.c.realm_id == realm_id)
        async with self._database.reading() as connection:
            return [_entry(row) for row in await connection.execute(query)]

    async def head(self) -> AuditHead:
        """The last row; kept elsewhere, it shows later whether rows were cut off the end."""
        async with self._database.reading() as connection:
            return await _head(connection)

    async def first_broken(self) -> int | None:
        """The number of the first row that does not follow from the row before it; None: the log is whole."""
        expected = AuditHead(0, GENESIS)
        async with self._database.reading() as connection:
            async for row in await connection.stream(select(audit).order_by(audit.c.number)):
                expected = AuditHead(expected.number + 1, _digest(expected, _entry(row)))
                if (row.number, row.digest) != (expected.number, expected.digest):
                    return expected.number
        return None


async def add_entry(connection: AsyncConnection, entry: AuditEntry) -> None:
    """Add to the log within this transaction: it is noted if and only if it happened."""
    head = await _head(connection)
    await connection.execute(
        insert(audit).values(
            number=head.number + 1,
            at=entry.at,
            what=entry.what,
            realm_id=entry.realm_id,
            actor=entry.actor,
            fields=_canonical(entry.fields),
            previous=head.digest,
            digest=_digest(head, entry),
        )
    )


async def _head(connection: AsyncConnection) -> AuditHead:
    query = select(audit.c.number, audit.c.digest).order_by(audit.c.number.desc()).limit(1)
    last = (await connection.execute(query)).first()
    return AuditHead(0, GENESIS) if last is None else AuditHead(last.number, last.digest)


def _digest(head: AuditHead, entry: AuditEntry) -> bytes:
    """Of the row that follows the head. JSON keeps the parts apart: no two rows have one text."""
    at = round(entry.at.timestamp() * 1_000_000)
    row = [head.number + 1, at, entry.what, entry.realm_id, entry.actor, dict(sorted(entry.fields.items()))]
    return sha256(head.digest + json.dumps(row, separators=(",", ":")).encode()).digest()


def _canonical(fields: Mapping[str, str | int]) -> str:
    return json.dumps(dict(fields), sort_keys=True, separators=(",", ":"))


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(row.at, row.what, row.realm_id, row.actor, json.loads(row.fields))
