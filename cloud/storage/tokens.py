"""Enrolment tokens as they are kept: a hash of the secret, and who spent it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from atp.identity import DeviceId, RealmId
from cloud.errors import NotFound
from cloud.storage.audit import AuditEntry, add_entry
from cloud.storage.engine import Database
from cloud.storage.tables.enrollment import enrolment_tokens
from cloud.storage.tables.realms import realms


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token without its secret. `serial` None: any serial number may use it; `spent_key`: SHA-256 of a public key."""

    id: str
    realm_id: RealmId
    secret_hash: bytes
    serial: str | None
    created_at: datetime
    expires_at: datetime
    spent_at: datetime | None = None
    spent_by: DeviceId | None = None
    spent_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Spending:
    """What spends a token: the device that it becomes, its key, and when."""

    token_id: str
    device_id: DeviceId
    key_sha256: bytes
    at: datetime


class TokenStore:
    """What is remembered of tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, token: TokenRecord, noted: AuditEntry) -> None:
        """Keep a new token and note who made it. Raises NotFound where there is no such realm."""
        async with self._database.writing() as connection:
            known = await connection.scalar(select(exists().where(realms.c.id == token.realm_id)))
            if not known:
                raise NotFound("there is no such realm", next_step="srx-cloud realm list shows the realms there are.")
            await connection.execute(
                insert(enrolment_tokens).values(
                    id=token.id,
                    realm_id=token.realm_id,
                    secret_hash=token.secret_hash,
                    serial=token.serial,
                    created_at=token.created_at,
                    expires_at=token.expires_at,
                )
            )
            await add_entry(connection, noted)

    async def by_id(self, token_id: str) -> TokenRecord | None:
        """The token of that id, spent or not; None: unknown."""
        async with self._database.reading() as connection:
            query = select(enrolment_tokens).where(enrolment_tokens.c.id == token_id)
            row = (await connection.execute(query)).first()
        return None if row is None else _token(row)

    async def drop_expired(self, before: datetime) -> int:
        """Forget tokens that expired before then; how many. What became of them stays in the audit log."""
        async with self._database.writing() as connection:
            gone = await connection.execute(delete(enrolment_tokens).where(enrolment_tokens.c.expires_at < before))
            return gone.rowcount


async def spend(connection: AsyncConnection, spending: Spending) -> bool:
    """Spend the token within this transaction: one UPDATE that only one caller can win. False: spent or expired already."""
    tokens = enrolment_tokens.c
    won = await connection.execute(
        update(enrolment_tokens)
        .where(tokens.id == spending.token_id, tokens.spent_at.is_(None), tokens.expires_at > spending.at)
        .values(spent_at=spending.at, spent_by=spending.device_id, spent_key=spending.key_sha256)
    )
    return won.rowcount == 1


def _token(row: Row[Any]) -> TokenRecord:
    return TokenRecord(
        id=row.id,
        realm_id=RealmId(row.realm_id),
        secret_hash=row.secret_hash,
        serial=row.serial,
        created_at=row.created_at,
        expires_at=row.expires_at,
        spent_at=row.spent_at,
        spent_by=None if row.spent_by is None else DeviceId(row.spent_by),
        spent_key=row.spent_key,
    )
