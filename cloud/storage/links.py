"""Links into the portal as they are kept: digests of their tokens, what they open, until when."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, delete, insert, select

from atp.identity import RealmId
from cloud.storage.engine import Database
from cloud.storage.tables.portal import message_links, sign_in_links


@dataclass(frozen=True, slots=True)
class MessageLink:
    """What a link from a replacement mail opens: one message of one realm, until it expires."""

    realm_id: RealmId
    message_id: str
    expires_at: datetime


class LinkStore:
    """What is remembered of links. Tokens come as SHA-256 digests; a digest that is not there and an expired one look alike."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep_message_link(self, digest: bytes, link: MessageLink, at: datetime) -> None:
        """Remember a new link; it is on disk when this returns. A transaction of its own: never call it inside another."""
        async with self._database.writing() as connection:
            await connection.execute(
                insert(message_links).values(
                    digest=digest,
                    realm_id=link.realm_id,
                    message_id=link.message_id,
                    created_at=at,
                    expires_at=link.expires_at,
                )
            )

    async def message_link(self, digest: bytes, now: datetime) -> MessageLink | None:
        """What that link opens; None if there is none, or it has expired."""
        query = select(message_links).where(message_links.c.digest == digest, message_links.c.expires_at > now)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else MessageLink(RealmId(row.realm_id), row.message_id, row.expires_at)

    async def keep_sign_in_link(self, digest: bytes, realm_id: RealmId, at: datetime, expires_at: datetime) -> None:
        """Remember an administrator's link."""
        async with self._database.writing() as connection:
            await connection.execute(
                insert(sign_in_links).values(digest=digest, realm_id=realm_id, created_at=at, expires_at=expires_at)
            )

    async def has_sign_in_link(self, digest: bytes, now: datetime) -> bool:
        """Whether that link could still be used; it stays as it is."""
        query = select(sign_in_links.c.realm_id).where(
            and_(sign_in_links.c.digest == digest, sign_in_links.c.expires_at > now)
        )
        async with self._database.reading() as connection:
            return (await connection.execute(query)).first() is not None

    async def use_sign_in_link(self, digest: bytes, now: datetime) -> RealmId | None:
        """Use the link up: the realm that it opens, to exactly one caller however many ask at once; None to all others."""
        statement = (
            delete(sign_in_links)
            .where(and_(sign_in_links.c.digest == digest, sign_in_links.c.expires_at > now))
            .returning(sign_in_links.c.realm_id)
        )
        async with self._database.writing() as connection:
            row = (await connection.execute(statement)).first()
        return None if row is None else RealmId(row.realm_id)

    async def forget_expired(self, now: datetime) -> int:
        """Delete the links that nobody can use any more; how many there were."""
        forgotten = 0
        async with self._database.writing() as connection:
            for table in (message_links, sign_in_links):
                forgotten += (await connection.execute(delete(table).where(table.c.expires_at <= now))).rowcount
        return forgotten
