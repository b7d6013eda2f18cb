"""Events wait for the cloud: in order, until it has them, and never more than a fixed number."""

import asyncio
from datetime import UTC, datetime
from itertools import count

import pytest

from device.telemetry import events
from device.telemetry.counters import Count, Counters
from device.telemetry.events import LONGEST_FIELD, EventName, Events

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
CLOUDS_LIMIT = 512


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def told(counters: Counters) -> Events:
    """Its events are numbered from 0."""
    numbers = count()
    return Events(lambda: NOW, lambda: f"event-{next(numbers)}", counters)


async def ids(told: Events, limit: int = 100) -> list[str]:
    async with asyncio.timeout(5):
        return [event.id for event in await told.next_batch(limit)]


async def test_a_batch_stays_until_the_cloud_has_it(told: Events) -> None:
    """A report that fails is repeated with the same events; afterwards only newer ones are told."""
    for _ in range(3):
        told.tell(EventName.MAIL_DELIVERED)
    assert await ids(told, 2) == ["event-0", "event-1"]
    batch = await told.next_batch(2)
    told.tell(EventName.MAIL_DELIVERED)
    told.told_of(batch)
    assert await ids(told) == ["event-2", "event-3"]


async def test_whoever_waits_is_woken_by_the_next_event(told: Events) -> None:
    """Also after everything was told once."""
    told.tell(EventName.MAIL_BLOCKED)
    told.told_of(await told.next_batch(10))
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(ids(told))
        await asyncio.sleep(0)
        assert not waiting.done()
        told.tell(EventName.MAIL_BLOCKED)
    assert waiting.result() == ["event-1"]


async def test_a_full_queue_loses_its_oldest_and_counts_them(
    told: Events, counters: Counters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "WAITING", 3)
    for _ in range(5):
        told.tell(EventName.MAIL_DELIVERED)
    assert await ids(told) == ["event-2", "event-3", "event-4"]
    assert counters.snapshot()[Count.EVENTS_DROPPED] == 2


async def test_a_batch_whose_events_were_lost_meanwhile_takes_no_others_along(
    told: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue overflows while a report is under way."""
    monkeypatch.setattr(events, "WAITING", 2)
    for _ in range(2):
        told.tell(EventName.MAIL_DELIVERED)
    batch = await told.next_batch(2)
    told.tell(EventName.MAIL_DELIVERED)
    told.told_of(batch)
    assert await ids(told) == ["event-2"]


async def test_fields_are_text_of_bounded_length(told: Events) -> None:
    """Senders choose some of them: cut, so that the cloud takes the event; None is left out."""
    told.tell(EventName.MAIL_DELIVERED, mail_from="é" * 2000, size=12, score=0, list_hit=None)
    (event,) = await told.next_batch(1)
    assert (event.name, event.time) == (EventName.MAIL_DELIVERED, NOW)
    assert dict(event.fields) == {"mail_from": "é" * LONGEST_FIELD, "size": "12", "score": "0"}
    assert LONGEST_FIELD <= CLOUDS_LIMIT
