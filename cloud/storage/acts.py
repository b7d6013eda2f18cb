"""What people did with held messages, and whether the work that follows was handed over."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update

from cloud.errors import NotFound
from cloud.quarantine.held import RecordedAct
from cloud.storage.engine import Database
from cloud.storage.quarantine_rows import recorded_act
from cloud.storage.tables.quarantine import acts


class ActStore:
    """The record of acts. They are written with the change of state that they are (HeldMessageStore.record_act)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, act_id: str) -> RecordedAct:
        """Raises NotFound."""
        async with self._database.reading() as connection:
            row: Row[Any] | None = (await connection.execute(select(acts).where(acts.c.id == act_id))).first()
        if row is None:
            raise NotFound("there is no such act")
        return recorded_act(row)

    async def of_message(self, realm_id: str, message_id: str) -> list[RecordedAct]:
        """What was done with a message, oldest first; nothing for another realm's."""
        query = select(acts).where(acts.c.message_id == message_id, acts.c.realm_id == realm_id).order_by(acts.c.at)
        async with self._database.reading() as connection:
            return [recorded_act(row) for row in await connection.execute(query)]

    async def unsent(self) -> list[RecordedAct]:
        """Acts whose work was not handed over, oldest first."""
        query = select(acts).where(acts.c.dispatched_at.is_(None)).order_by(acts.c.at)
        async with self._database.reading() as connection:
            return [recorded_act(row) for row in await connection.execute(query)]

    async def dispatched(self, act_id: str, at: datetime) -> None:
        """The act's work was handed over."""
        async with self._database.writing() as connection:
            await connection.execute(update(acts).where(acts.c.id == act_id).values(dispatched_at=at))
