"""Releases as they are kept: begun once an act, each recipient's copy settled once."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.release.progress import Delivery, DeliveryState, Progress, Release
from cloud.storage.engine import Database
from cloud.storage.tables.release import deliveries, releases


class ReleaseStore:
    """What is remembered of releases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, release: Release) -> None:
        """Remember that the message is to be sent; begun before: nothing changes."""
        async with self._database.writing() as connection:
            if await _row(connection, release.id) is None:
                await connection.execute(
                    insert(releases).values(
                        id=release.id,
                        realm_id=release.realm_id,
                        message_id=release.message_id,
                        started_at=release.started_at,
                    )
                )

    async def get(self, release_id: str) -> Release | None:
        """The release; None where it was never begun."""
        async with self._database.reading() as connection:
            row = await _row(connection, release_id)
        return None if row is None else _release(row)

    async def unfinished(self) -> list[str]:
        """The ids of releases that are under way, oldest first."""
        query = select(releases.c.id).where(releases.c.finished_at.is_(None)).order_by(releases.c.started_at)
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def address(self, release_id: str, recipients: Iterable[bytes], at: datetime) -> None:
        """One pending copy a recipient, by their first places in the envelope; nothing where that was done before."""
        async with self._database.writing() as connection:
            known = select(deliveries.c.position).where(deliveries.c.release_id == release_id).limit(1)
            if (await connection.execute(known)).first() is not None:
                return
            for recipient, position in _first_places(recipients).items():
                await connection.execute(
                    insert(deliveries).values(
                        release_id=release_id,
                        position=position,
                        recipient=recipient,
                        state=DeliveryState.PENDING,
                        attempts=0,
                        last_reply="",
                        changed_at=at,
                    )
                )

    async def keep_password(self, release_id: str, sealed: bytes) -> bytes:
        """Keep the ZIP's password unless there is one; the one that holds."""
        async with self._database.writing() as connection:
            none_yet = (releases.c.id == release_id) & releases.c.sealed_password.is_(None)
            await connection.execute(update(releases).where(none_yet).values(sealed_password=sealed))
            kept = await connection.scalar(select(releases.c.sealed_password).where(releases.c.id == release_id))
        assert isinstance(kept, bytes)
        return kept

    async def progress(self, release_id: str) -> Progress:
        """The release with its copies; it must have begun."""
        async with self._database.reading() as connection:
            row = await _row(connection, release_id)
            assert row is not None
            return Progress(_release(row), await _deliveries(connection, release_id))

    async def latest(self, realm_id: str, message_id: str) -> Progress | None:
        """The message's last release; None for another realm's message, and where there was none."""
        query = (
            select(releases)
            .where(releases.c.realm_id == realm_id, releases.c.message_id == message_id)
            .order_by(releases.c.started_at.desc(), releases.c.id)
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).first()
            return None if row is None else Progress(_release(row), await _deliveries(connection, row.id))

    async def settle(self, release_id: str, position: int, state: DeliveryState, reply: str, at: datetime) -> None:
        """Record one attempt at one copy; a copy that was settled stays as it is."""
        pending = (deliveries.c.release_id == release_id) & (deliveries.c.state == DeliveryState.PENDING)
        async with self._database.writing() as connection:
            await connection.execute(
                update(deliveries)
                .where(pending, deliveries.c.position == position)
                .values(state=state, attempts=deliveries.c.attempts + 1, last_reply=reply, changed_at=at)
            )

    async def refuse_pending(self, release_id: str, why: str, at: datetime) -> None:
        """Give up what is pending."""
        pending = (deliveries.c.release_id == release_id) & (deliveries.c.state == DeliveryState.PENDING)
        async with self._database.writing() as connection:
            await connection.execute(
                update(deliveries).where(pending).values(state=DeliveryState.REFUSED, last_reply=why, changed_at=at)
            )

    async def note_problem(self, release_id: str, problem: str) -> None:
        """Say why nothing goes on just now; empty: nothing is wrong any more."""
        async with self._database.writing() as connection:
            await connection.execute(
                update(releases).where(releases.c.id == release_id).values(problem=problem or None)
            )

    async def finish(self, release_id: str, at: datetime) -> None:
        """The release is over, and everyone who waited for that was told."""
        open_still = (releases.c.id == release_id) & releases.c.finished_at.is_(None)
        async with self._database.writing() as connection:
            await connection.execute(update(releases).where(open_still).values(finished_at=at, problem=None))


def _first_places(recipients: Iterable[bytes]) -> dict[bytes, int]:
    places: dict[bytes, int] = {}
    for position, recipient in enumerate(recipients):
        places.setdefault(recipient, position)
    return places


async def _row(connection: AsyncConnection, release_id: str) -> Row[Any] | None:
    row: Row[Any] | None = (await connection.execute(select(releases).where(releases.c.id == release_id))).first()
    return row


async def _deliveries(connection: AsyncConnection, release_id: str) -> tuple[Delivery, ...]:
    query = select(deliveries).where(deliveries.c.release_id == release_id).order_by(deliveries.c.position)
    return tuple(
        Delivery(row.position, row.recipient, DeliveryState(row.state), row.attempts, row.last_reply, row.changed_at)
        for row in await connection.execute(query)
    )


def _release(row: Row[Any]) -> Release:
    return Release(
        row.id,
        row.realm_id,
        row.message_id,
        row.started_at,
        row.finished_at,
        row.problem or "",
        row.sealed_password,
    )
