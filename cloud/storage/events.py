"""What devices reported, as it is kept: each event once, the latest of a realm alone, and each device's last counters."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from atp.identity import DeviceId, RealmId
from cloud.storage.engine import Database
from cloud.storage.tables.telemetry import device_counters, device_events
from cloud.telemetry.event import KeptEvent, ReportedCounters, ReportedEvent

KEPT_A_REALM: Final = 10_000
"""Events kept a realm; the oldest go first."""


class EventStore:
    """What is remembered of devices' reports."""

    def __init__(self, database: Database, *, kept: int = KEPT_A_REALM) -> None:
        self._database = database
        self._kept = kept

    async def add(self, realm_id: RealmId, device_id: DeviceId, events: Sequence[ReportedEvent], at: datetime) -> int:
        """Keep events; those that the device reported before are left out. How many were new is given back."""
        by_id = {event.event_id: event for event in events}
        async with self._database.writing() as connection:
            for known in await _known(connection, device_id, list(by_id)):
                del by_id[known]
            rows = [
                {
                    "realm_id": realm_id,
                    "device_id": device_id,
                    "event_id": event.event_id,
                    "time": event.time,
                    "received_at": at,
                    "name": event.name,
                    "fields": dict(event.fields),
                }
                for event in by_id.values()
            ]
            if rows:
                await connection.execute(insert(device_events), rows)
            await self._prune(connection, realm_id)
        return len(by_id)

    async def keep_counters(self, realm_id: RealmId, device_id: DeviceId, report: ReportedCounters) -> None:
        """Keep a device's counters in place of its earlier ones."""
        values = {"time": report.time, "counters": dict(report.counters)}
        async with self._database.writing() as connection:
            changed = await connection.execute(
                update(device_counters).where(device_counters.c.device_id == device_id).values(**values)
            )
            if not changed.rowcount:
                await connection.execute(
                    insert(device_counters).values(device_id=device_id, realm_id=realm_id, **values)
                )

    async def latest(self, realm_id: RealmId, *, limit: int) -> list[KeptEvent]:
        """The last events of a realm, newest first."""
        query = (
            select(device_events)
            .where(device_events.c.realm_id == realm_id)
            .order_by(device_events.c.number.desc())
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return [
                KeptEvent(
                    row.number,
                    row.device_id,
                    row.received_at,
                    ReportedEvent(row.event_id, row.time, row.name, row.fields),
                )
                for row in await connection.execute(query)
            ]

    async def counters(self, realm_id: RealmId) -> dict[str, ReportedCounters]:
        """The last counters of each device of a realm, by device id."""
        query = select(device_counters).where(device_counters.c.realm_id == realm_id)
        async with self._database.reading() as connection:
            return {row.device_id: ReportedCounters(row.time, row.counters) for row in await connection.execute(query)}

    async def _prune(self, connection: AsyncConnection, realm_id: RealmId) -> None:
        """Delete what is older than the newest KEPT_A_REALM."""
        mine = device_events.c.realm_id == realm_id
        oldest_kept = (
            select(device_events.c.number)
            .where(mine)
            .order_by(device_events.c.number.desc())
            .offset(self._kept - 1)
            .limit(1)
            .scalar_subquery()
        )
        await connection.execute(delete(device_events).where(mine, device_events.c.number < oldest_kept))


async def _known(connection: AsyncConnection, device_id: DeviceId, event_ids: list[str]) -> list[str]:
    query = select(device_events.c.event_id).where(
        device_events.c.device_id == device_id, device_events.c.event_id.in_(event_ids)
    )
    return list((await connection.execute(query)).scalars())
