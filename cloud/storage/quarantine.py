"""Held messages as they are kept: entered once, settled attempt by attempt, acted on by whoever comes first.

Every change of state is one UPDATE … WHERE state = what was seen: of two who act at once, one finds no row.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from atp.reasons import Reason as WireReason
from cloud.errors import Conflict, InvalidRequest, NotFound
from cloud.quarantine.held import Admission, Arrival, HeldMessage, Outcome, RecordedAct, Sealed, Settlement
from cloud.quarantine.lifecycle import Actor, ActorKind, State, Turn, states_before
from cloud.storage.engine import Database
from cloud.storage.quarantine_rows import act_row, held, new_attempt, new_row
from cloud.storage.tables.quarantine import acts, attempts, held_messages

REFUSED_BY_SERVER = str(Actor(ActorKind.SYSTEM, "refused"))
"""`acted_by` of a message whose every replacement was refused: its client knows that it was not delivered."""

EXPIRED = str(Actor(ActorKind.SYSTEM, "expired"))
"""`acted_by` of a message that nobody decided about in time."""


class HeldMessageStore:
    """What is remembered of held messages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def admit(self, arrival: Arrival) -> Admission:
        """Enter a message that is on disk, and open an attempt.

        A request id that was seen before gives its own attempt again. A message that is held, with an attempt that is not
        settled, is joined: the client tries again. Raises InvalidRequest where the request id belongs to another message,
        Conflict where its attempt was refused: the client may have been told so, and the content may be gone.
        """
        async with self._database.writing() as connection:
            repeated = await _repeated(connection, arrival)
            if repeated is not None:
                return repeated
            joined = (await connection.execute(_same_message(arrival))).first()
            if joined is None:
                await connection.execute(insert(held_messages).values(new_row(arrival)))
            message = arrival.held if joined is None else held(joined)
            await connection.execute(insert(attempts).values(new_attempt(arrival, message.id)))
            return Admission(message, arrival.attempt_id, kept_content=joined is None)

    async def settle(
        self,
        held_by: tuple[str, str],
        message_id: str,
        attempt_id: str,
        outcome: Outcome,
        reply_code: str,
        at: datetime,
    ) -> Settlement:
        """Record what the server said. `held_by` is realm and device; the same answer again changes nothing.

        Raises NotFound for any attempt that is not of this device and message, Conflict for another answer.
        """
        realm_id, device_id = held_by
        mine = (
            select(attempts.c.outcome)
            .join(held_messages)
            .where(attempts.c.id == attempt_id, attempts.c.message_id == message_id)
            .where(attempts.c.device_id == device_id, held_messages.c.realm_id == realm_id)
        )
        async with self._database.writing() as connection:
            row = (await connection.execute(mine)).first()
            if _settled_before(row, outcome):
                return Settlement()
            await connection.execute(
                update(attempts)
                .where(attempts.c.id == attempt_id)
                .values(outcome=outcome, reply_code=reply_code, settled_at=at)
            )
            if outcome is Outcome.ACCEPTED:
                return Settlement(first_accepted=await _accept(connection, message_id, at))
            return Settlement(destroyed_blob=await _destroy_if_refused(connection, message_id, at))

    async def get(self, realm_id: str, message_id: str) -> HeldMessage:
        """Raises NotFound, for another realm's message too."""
        return held(await self._row(realm_id, message_id))

    async def sealed(self, realm_id: str, message_id: str) -> tuple[HeldMessage, Sealed]:
        """The message, and what opens it. Raises NotFound, also where its key is destroyed."""
        row = await self._row(realm_id, message_id)
        if row.wrapped_key is None or row.blob is None:
            raise NotFound("the message's content is gone", next_step="It was deleted, or its time was over.")
        return held(row), Sealed(row.blob, row.wrapped_key)

    async def of_realm(self, realm_id: str, state: State | None, limit: int) -> list[HeldMessage]:
        """The realm's messages, newest first."""
        query = select(held_messages).where(held_messages.c.realm_id == realm_id)
        if state is not None:
            query = query.where(held_messages.c.state == state)
        query = query.order_by(held_messages.c.received_at.desc(), held_messages.c.id).limit(limit)
        async with self._database.reading() as connection:
            return [held(row) for row in await connection.execute(query)]

    async def record_act(self, seen: HeldMessage, following: State, act: RecordedAct) -> bool:
        """Move the message on and record who did it, both or neither; false where it is not any more as it was seen."""
        values: dict[str, Any] = {"act_id": act.id, "acted_at": act.at, "acted_by": str(act.actor)}
        async with self._database.writing() as connection:
            moved = await _move(connection, seen.id, (seen.state,), following, values)
            if moved:
                await connection.execute(insert(acts).values(act_row(act)))
            return moved

    async def finish_sending(self, message_id: str, following: State, act_id: str | None) -> bool:
        """Leave the state *sending*, of that release or of any; false where the message is not in it."""
        async with self._database.writing() as connection:
            matching = held_messages.c.act_id == act_id if act_id is not None else None
            return await _move(connection, message_id, (State.SENDING,), following, {}, matching)

    async def state_of(self, message_id: str) -> State:
        """Raises NotFound."""
        query = select(held_messages.c.state).where(held_messages.c.id == message_id)
        async with self._database.reading() as connection:
            state = (await connection.execute(query)).scalar()
        if state is None:
            raise _no_such_message()
        return State(state)

    async def expire(self, now: datetime) -> int:
        """Destroy the keys of all messages whose time is over; how many. One that is being sent is waited for."""
        due = (held_messages.c.expires_at <= now) & held_messages.c.wrapped_key.is_not(None)
        undecided = held_messages.c.state.in_(states_before(Turn.EXPIRE))
        gone = {"wrapped_key": None}
        async with self._database.writing() as connection:
            expired = await connection.execute(
                update(held_messages)
                .where(due, undecided)
                .values(**gone, state=State.EXPIRED, acted_at=now, acted_by=EXPIRED)
            )
            released = await connection.execute(
                update(held_messages).where(due, held_messages.c.state == State.RELEASED).values(**gone)
            )
            return expired.rowcount + released.rowcount

    async def unannounced(self) -> list[str]:
        """Messages whose acceptance was not passed on."""
        query = select(held_messages.c.id).where(
            held_messages.c.accepted_at.is_not(None), held_messages.c.announced_at.is_(None)
        )
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def announced(self, message_id: str, at: datetime) -> None:
        """The message's acceptance was passed on."""
        async with self._database.writing() as connection:
            await connection.execute(
                update(held_messages).where(held_messages.c.id == message_id).values(announced_at=at)
            )

    async def blobs_without_key(self) -> list[str]:
        """Sealed content that nothing opens any more."""
        query = select(held_messages.c.blob).where(
            held_messages.c.wrapped_key.is_(None), held_messages.c.blob.is_not(None)
        )
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def blobs_known(self, names: list[str]) -> set[str]:
        """Those of the names that a message has."""
        async with self._database.reading() as connection:
            query = select(held_messages.c.blob).where(held_messages.c.blob.in_(names))
            return set((await connection.execute(query)).scalars())

    async def blob_removed(self, blob: str) -> None:
        """The sealed content is gone from its place."""
        async with self._database.writing() as connection:
            await connection.execute(update(held_messages).where(held_messages.c.blob == blob).values(blob=None))

    async def scrub(self) -> None:
        """Leave no destroyed key in the database's journal."""
        await self._database.scrub()

    async def _row(self, realm_id: str, message_id: str) -> Row[Any]:
        query = select(held_messages).where(held_messages.c.id == message_id, held_messages.c.realm_id == realm_id)
        async with self._database.reading() as connection:
            row: Row[Any] | None = (await connection.execute(query)).first()
        if row is None:
            raise _no_such_message()
        return row


async def _repeated(connection: AsyncConnection, arrival: Arrival) -> Admission | None:
    """The attempt that this request id opened before."""
    query = (
        select(held_messages, attempts.c.id.label("attempt_id"), attempts.c.outcome)
        .join(attempts, attempts.c.message_id == held_messages.c.id)
        .where(attempts.c.device_id == arrival.held.device_id, attempts.c.request_id == arrival.request_id)
    )
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    same = (row.realm_id, row.sha256, row.envelope_sha256)
    if same != (arrival.held.realm_id, arrival.sha256, arrival.envelope_sha256):
        raise InvalidRequest("the request id belongs to another message", next_step="Choose a new id for each message.")
    if row.outcome == Outcome.REFUSED:
        raise Conflict(
            "that attempt was settled as refused",
            reason=WireReason.ALREADY_SETTLED,
            next_step="Store the message again under a new request id.",
        )
    return Admission(held(row), row.attempt_id, kept_content=False)


def _same_message(arrival: Arrival) -> Any:
    unsettled = exists().where(attempts.c.message_id == held_messages.c.id, attempts.c.outcome.is_(None))
    return (
        select(held_messages)
        .where(held_messages.c.realm_id == arrival.held.realm_id, held_messages.c.state == State.HELD, unsettled)
        .where(held_messages.c.sha256 == arrival.sha256, held_messages.c.envelope_sha256 == arrival.envelope_sha256)
        .order_by(held_messages.c.received_at.desc())
    )


def _settled_before(row: Row[Any] | None, outcome: Outcome) -> bool:
    if row is None:
        raise _no_such_message()
    if row.outcome is None:
        return False
    if row.outcome != outcome:
        raise Conflict(
            f"the attempt was settled as {row.outcome} before",
            reason=WireReason.ALREADY_SETTLED,
            next_step="An attempt is settled once.",
        )
    return True


async def _accept(connection: AsyncConnection, message_id: str, at: datetime) -> bool:
    """Whether this is the first acceptance of the message."""
    first = held_messages.c.accepted_at.is_(None)
    done = await connection.execute(
        update(held_messages).where(held_messages.c.id == message_id, first).values(accepted_at=at)
    )
    return done.rowcount == 1


async def _destroy_if_refused(connection: AsyncConnection, message_id: str, at: datetime) -> str | None:
    """Destroy the key where every attempt was refused and nobody acted; the blob that is useless then."""
    other = (attempts.c.message_id == held_messages.c.id) & (func.coalesce(attempts.c.outcome, "") != Outcome.REFUSED)
    untouched = ~exists().where(other) & ~exists().where(acts.c.message_id == held_messages.c.id)
    blob = await connection.scalar(select(held_messages.c.blob).where(held_messages.c.id == message_id))
    values: dict[str, Any] = {"acted_at": at, "acted_by": REFUSED_BY_SERVER}
    moved = await _move(connection, message_id, states_before(Turn.REFUSED), State.DELETED, values, untouched)
    return blob if moved else None


async def _move(
    connection: AsyncConnection,
    message_id: str,
    seen: tuple[State, ...],
    following: State,
    values: dict[str, Any],
    condition: ColumnElement[bool] | None = None,
) -> bool:
    """From one of the states seen to the following one; the key goes in the same step where that state says so."""
    if following.destroys_content:
        values = values | {"wrapped_key": None}
    statement = update(held_messages).where(held_messages.c.id == message_id, held_messages.c.state.in_(seen))
    if condition is not None:
        statement = statement.where(condition)
    done = await connection.execute(statement.values(state=following, **values))
    return done.rowcount == 1


def _no_such_message() -> NotFound:
    return NotFound("there is no such message", next_step="srx-cloud quarantine list shows the messages there are.")
