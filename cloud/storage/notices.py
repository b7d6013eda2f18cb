"""Notices as they are kept: made once for each thing that is told to one person."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.errors import NotFound
from cloud.notices.topics import Notice, NoticeState, Topic
from cloud.storage.engine import Database
from cloud.storage.tables.notices import notice_messages, notices
from cloud.storage.tables.quarantine import held_messages


class NoticeStore:
    """What is remembered of notices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, notice: Notice) -> bool:
        """Remember a notice, or that one which waits is about these messages too; false where it is not waiting any more."""
        async with self._database.writing() as connection:
            state = await connection.scalar(select(notices.c.state).where(notices.c.id == notice.id))
            if state is None:
                await connection.execute(insert(notices).values(_values(notice)))
            elif state != NoticeState.PENDING:
                return False
            await _add_messages(connection, notice)
            return True

    async def get(self, notice_id: str) -> Notice | None:
        """The notice; None where there is none of that id."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(notices).where(notices.c.id == notice_id))).first()
            return None if row is None else _notice(row, await _messages(connection, notice_id))

    async def pending(self) -> list[str]:
        """The ids of notices that were not sent yet, oldest first."""
        query = select(notices.c.id).where(notices.c.state == NoticeState.PENDING).order_by(notices.c.created_at)
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def settle(self, notice_id: str, state: NoticeState, problem: str, at: datetime) -> None:
        """Record one attempt; a notice that was settled stays as it is."""
        waiting = (notices.c.id == notice_id) & (notices.c.state == NoticeState.PENDING)
        async with self._database.writing() as connection:
            await connection.execute(
                update(notices)
                .where(waiting)
                .values(
                    state=state,
                    attempts=notices.c.attempts + 1,
                    problem=problem or None,
                    settled_at=None if state is NoticeState.PENDING else at,
                )
            )

    async def unsent(self, realm_id: str) -> list[tuple[Notice, str]]:
        """The realm's notices that wait or were refused, with the reason: for the administrator, newest first."""
        query = (
            select(notices)
            .where(notices.c.realm_id == realm_id, notices.c.state != NoticeState.SENT)
            .order_by(notices.c.created_at.desc())
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
            return [(_notice(row, await _messages(connection, row.id)), row.problem or "") for row in rows]

    async def realm_of(self, message_id: str) -> str:
        """The realm that holds a message. Raises NotFound."""
        query = select(held_messages.c.realm_id).where(held_messages.c.id == message_id)
        async with self._database.reading() as connection:
            realm_id: str | None = await connection.scalar(query)
        if realm_id is None:
            raise NotFound("there is no such message")
        return realm_id


def _values(notice: Notice) -> dict[str, Any]:
    return {
        "id": notice.id,
        "realm_id": notice.realm_id,
        "topic": notice.topic,
        "recipient": notice.recipient,
        "act_id": notice.act_id or None,
        "created_at": notice.created_at,
        "state": NoticeState.PENDING,
        "attempts": 0,
    }


async def _add_messages(connection: AsyncConnection, notice: Notice) -> None:
    known = set(await _messages(connection, notice.id))
    for message_id in notice.message_ids:
        if message_id not in known:
            await connection.execute(insert(notice_messages).values(notice_id=notice.id, message_id=message_id))


async def _messages(connection: AsyncConnection, notice_id: str) -> tuple[str, ...]:
    """In the order in which they came in."""
    query = (
        select(notice_messages.c.message_id)
        .outerjoin(held_messages, held_messages.c.id == notice_messages.c.message_id)
        .where(notice_messages.c.notice_id == notice_id)
        .order_by(func.coalesce(held_messages.c.received_at, 0), notice_messages.c.message_id)
    )
    return tuple((await connection.execute(query)).scalars())


def _notice(row: Row[Any], message_ids: tuple[str, ...]) -> Notice:
    return Notice(
        row.id,
        row.realm_id,
        Topic(row.topic),
        row.recipient,
        row.act_id or "",
        message_ids,
        row.created_at,
        NoticeState(row.state),
    )
