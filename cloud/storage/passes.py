"""Release passes as they are kept, and their leases: a use goes to one device, and comes back or is spent.

Who leases and who settles is one transaction each; writers take turns, so of two devices at once one finds the use gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from atp.reasons import Reason
from atp.release_pass import SKEW_SECONDS
from cloud.errors import Conflict, InvalidRequest, NotFound
from cloud.release.passes import Minted
from cloud.storage.engine import Database
from cloud.storage.tables.quarantine import held_messages
from cloud.storage.tables.release import pass_leases, passes, release_keys

LEASE: Final = timedelta(minutes=10)
"""How long a device may take to say what the mail server said; with no word the use is spent."""

_SKEW: Final = timedelta(seconds=SKEW_SECONDS)
_CONTENT_GONE: Final = ("deleted", "expired")


@dataclass(frozen=True, slots=True)
class Redemption:
    """What a device asks for: one use of a pass, as it verified it."""

    realm_id: str
    device_id: str
    pass_id: str
    digest: bytes
    recipient: bytes
    request_id: str


@dataclass(frozen=True, slots=True)
class Lease:
    """One use of a pass, given to one device. `left`: uses for devices further along the path."""

    id: str
    left: int


class PassStore:
    """What is remembered of passes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, minted: Minted) -> None:
        """Remember a pass before its message is sent."""
        claims = minted.claims
        async with self._database.writing() as connection:
            await connection.execute(
                insert(passes).values(
                    id=claims.pass_id,
                    realm_id=claims.realm_id,
                    key_id=claims.key_id,
                    message_id=minted.message_id,
                    digest=claims.digest,
                    recipient=claims.recipient,
                    uses=minted.uses,
                    minted_at=minted.minted_at,
                    expires_at=minted.expires_at,
                )
            )

    async def redeem(self, asked: Redemption, lease_id: str, now: datetime) -> Lease:
        """Lease one use; a repeated request id gives its lease again.

        Raises NotFound for a pass that is not of this realm, digest and recipient, Conflict with PASS_REVOKED, PASS_SPENT or
        PASS_LEASED, InvalidRequest for a request id that belongs to another pass.
        """
        async with self._database.writing() as connection:
            repeated = await _repeated(connection, asked)
            if repeated is not None:
                return repeated
            minted = _checked(await _found(connection, asked), asked, now)
            used = await _used(connection, asked.pass_id)
            _refuse_used(used, minted.uses, asked.device_id, now)
            lease = Lease(lease_id, minted.uses - len(used) - 1)
            await connection.execute(insert(pass_leases).values(_lease_values(asked, lease, now)))
            return lease

    async def settle(self, realm_id: str, device_id: str, lease_id: str, now: datetime, *, spent: bool) -> None:
        """Spend a leased use or return it; what was settled before stays. Raises NotFound for another device's lease."""
        mine = (pass_leases.c.realm_id == realm_id) & (pass_leases.c.device_id == device_id)
        async with self._database.writing() as connection:
            row = (await connection.execute(select(pass_leases).where(pass_leases.c.id == lease_id, mine))).first()
            if row is None:
                raise NotFound("there is no such lease")
            if row.state != "leased":
                return
            state = "returned" if not spent and now <= row.until else "spent"
            await connection.execute(
                update(pass_leases).where(pass_leases.c.id == lease_id).values(state=state, settled_at=now)
            )

    async def remove_expired(self, before: datetime) -> int:
        """Forget passes, and their leases, that expired before that time; how many."""
        async with self._database.writing() as connection:
            return (await connection.execute(delete(passes).where(passes.c.expires_at < before))).rowcount


async def _repeated(connection: AsyncConnection, asked: Redemption) -> Lease | None:
    query = select(pass_leases).where(
        pass_leases.c.device_id == asked.device_id, pass_leases.c.request_id == asked.request_id
    )
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    if row.pass_id != asked.pass_id:
        raise InvalidRequest("the request id belongs to another pass", next_step="Choose a new id for each message.")
    return Lease(row.id, row.left)


async def _found(connection: AsyncConnection, asked: Redemption) -> Row[Any] | None:
    """The pass with what it depends on; locked where a database has more than one writer."""
    query = (
        select(passes, release_keys.c.retired_at, held_messages.c.state.label("message_state"))
        .join(release_keys, release_keys.c.id == passes.c.key_id)
        .outerjoin(held_messages, held_messages.c.id == passes.c.message_id)
        .where(passes.c.id == asked.pass_id, passes.c.realm_id == asked.realm_id)
        .with_for_update(of=passes)
    )
    row: Row[Any] | None = (await connection.execute(query)).first()
    return row


def _checked(row: Row[Any] | None, asked: Redemption, now: datetime) -> Row[Any]:
    if row is None or (row.digest, row.recipient) != (asked.digest, asked.recipient):
        raise NotFound("there is no such pass for this message", next_step="Inspect the message like any other.")
    gone = row.message_id is not None and row.message_state in (None, *_CONTENT_GONE)
    if gone or row.retired_at is not None or now > row.expires_at + _SKEW:
        raise Conflict("the pass does not hold any more", reason=Reason.PASS_REVOKED, next_step="Inspect the message.")
    return row


async def _used(connection: AsyncConnection, pass_id: str) -> Sequence[Row[Any]]:
    """The leases that were not given back."""
    query = select(pass_leases).where(pass_leases.c.pass_id == pass_id, pass_leases.c.state != "returned")
    return (await connection.execute(query)).all()


def _refuse_used(used: Sequence[Row[Any]], uses: int, device_id: str, now: datetime) -> None:
    """Each use is another device's: what comes twice to one device is a replay, or a retry whose first answer is awaited."""
    blocking = [lease for lease in used if lease.device_id == device_id]
    if not blocking and len(used) >= uses:
        blocking = list(used)
    if not blocking:
        return
    if any(lease.state == "leased" and now <= lease.until for lease in blocking):
        raise Conflict(
            "the pass is in use just now", reason=Reason.PASS_LEASED, next_step="Try again later: 451 4.3.0."
        )
    raise Conflict("the pass was used", reason=Reason.PASS_SPENT, next_step="Inspect the message like any other.")


def _lease_values(asked: Redemption, lease: Lease, now: datetime) -> dict[str, Any]:
    return {
        "id": lease.id,
        "pass_id": asked.pass_id,
        "realm_id": asked.realm_id,
        "device_id": asked.device_id,
        "request_id": asked.request_id,
        "state": "leased",
        "left": lease.left,
        "leased_at": now,
        "until": now + LEASE,
    }
