"""What happened, as events that go to the log and, when a cloud is there, to the cloud. Never content.

Events wait in a queue of fixed size: a cloud that is away costs the oldest ones, counted, and never memory.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import structlog

from device.telemetry.counters import Count, Counters

log = structlog.get_logger()

WAITING: Final = 10_000
"""Events kept for a cloud that is away; a few megabytes."""


LONGEST_FIELD: Final = 500
"""Characters; senders choose some of them, and the cloud refuses what is longer than 512."""


class EventName(StrEnum):
    """What can have happened."""

    MAIL_DELIVERED = "mail.delivered"
    MAIL_TAGGED = "mail.tagged"
    MAIL_QUARANTINED = "mail.quarantined"
    MAIL_BLOCKED = "mail.blocked"
    MAIL_NOT_STORED = "mail.not-stored"
    MAIL_NOT_TAKEN = "mail.not-taken"
    MAIL_NO_ROOM = "mail.no-room"
    MAIL_FLAGGED_AFTERWARDS = "mail.flagged-afterwards"
    PASS_REFUSED = "pass.refused"  # noqa: S105 - an event's name
    PASS_PUT_OFF = "pass.put-off"  # noqa: S105 - an event's name


@dataclass(frozen=True, slots=True)
class Event:
    """One event; its id makes repeated reports count once."""

    id: str
    time: datetime
    name: EventName
    fields: Mapping[str, str]


class Events:
    """Where rooms tell what happened."""

    def __init__(self, clock: Callable[[], datetime], new_id: Callable[[], str], counters: Counters) -> None:
        self._clock = clock
        self._new_id = new_id
        self._counters = counters
        self._waiting: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._all_told = asyncio.Event()
        self._all_told.set()

    def tell(self, name: EventName, **fields: str | int | None) -> None:
        """Log an event and keep it for the cloud; fields that are None are left out."""
        told = {key: str(value)[:LONGEST_FIELD] for key, value in fields.items() if value is not None}
        log.info(name.value, **told)
        if len(self._waiting) >= WAITING:
            self._waiting.popleft()
            self._counters.add(Count.EVENTS_DROPPED)
        self._waiting.append(Event(self._new_id(), self._clock(), name, MappingProxyType(told)))
        self._arrived.set()
        self._all_told.clear()

    async def next_batch(self, limit: int) -> list[Event]:
        """Wait for events and look at the first ones; they stay until told_of()."""
        await self._arrived.wait()
        return [self._waiting[index] for index in range(min(limit, len(self._waiting)))]

    def told_of(self, batch: list[Event]) -> None:
        """The cloud has these."""
        told = {event.id for event in batch}
        while self._waiting and self._waiting[0].id in told:
            self._waiting.popleft()
        if not self._waiting:
            self._arrived.clear()
            self._all_told.set()

    async def all_told(self) -> None:
        """Wait until the cloud has every event."""
        await self._all_told.wait()
