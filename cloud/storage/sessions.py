"""Portal sessions as they are kept: digests of cookies, what they may see, until when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from atp.identity import RealmId
from cloud.storage.engine import Database
from cloud.storage.tables.portal import portal_sessions

MAX_SESSIONS_A_MESSAGE: Final = 50
"""Beyond it the oldest end: a scanner that fetches one link again and again fills no disk. More than the recipients of
an ordinary mail on two devices each; who is pushed out follows the link again."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a signed-in browser may see: one message (a recipient), or a whole realm (an administrator: no message id)."""

    realm_id: RealmId
    message_id: str | None
    expires_at: datetime


class SessionStore:
    """What is remembered of sessions. Cookies come as SHA-256 digests; one that is not there and an expired one look alike."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, digest: bytes, session: Session, at: datetime) -> None:
        """Remember a new session; the message's oldest ones end where there are too many."""
        async with self._database.writing() as connection:
            if session.message_id is not None:
                await _make_room(connection, session.message_id)
            await connection.execute(
                insert(portal_sessions).values(
                    digest=digest,
                    realm_id=session.realm_id,
                    message_id=session.message_id,
                    created_at=at,
                    expires_at=session.expires_at,
                )
            )

    async def session(self, digest: bytes, now: datetime) -> Session | None:
        """The session that the cookie stands for; None if there is none, or it has expired."""
        query = select(portal_sessions).where(portal_sessions.c.digest == digest, portal_sessions.c.expires_at > now)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else Session(RealmId(row.realm_id), row.message_id, row.expires_at)

    async def end(self, digest: bytes) -> None:
        """Sign out: the cookie means nothing from now on."""
        async with self._database.writing() as connection:
            await connection.execute(delete(portal_sessions).where(portal_sessions.c.digest == digest))

    async def forget_expired(self, now: datetime) -> int:
        """Delete the sessions that are over; how many there were."""
        statement = delete(portal_sessions).where(portal_sessions.c.expires_at <= now)
        async with self._database.writing() as connection:
            return (await connection.execute(statement)).rowcount


async def _make_room(connection: AsyncConnection, message_id: str) -> None:
    of_message = portal_sessions.c.message_id == message_id
    kept = (
        select(portal_sessions.c.digest)
        .where(of_message)
        .order_by(portal_sessions.c.created_at.desc(), portal_sessions.c.digest)
        .limit(MAX_SESSIONS_A_MESSAGE - 1)
    )
    await connection.execute(delete(portal_sessions).where(of_message, portal_sessions.c.digest.not_in(kept)))
