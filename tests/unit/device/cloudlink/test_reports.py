"""Reports: batches reach the cloud once, and one that it will never take holds up no other."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import grpc

from atp.v1 import telemetry_pb2 as wire
from atp.v1.telemetry_pb2_grpc import TelemetryServiceServicer, add_TelemetryServiceServicer_to_server
from device.cloudlink import reports
from device.cloudlink.reports import Reports
from device.telemetry.counters import Count, Counters
from device.telemetry.events import LONGEST_FIELD, EventName, Events
from tests.unit.device.cloudlink.rig import serving

NOW = datetime(2026, 1, 5, tzinfo=UTC)


class Cloud(TelemetryServiceServicer):
    """Takes reports, but for the first `refusals`."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.events: asyncio.Queue[wire.DeviceEvent] = asyncio.Queue()

    async def Report(  # noqa: N802
        self, requests: AsyncIterator[wire.ReportRequest], context: Any
    ) -> wire.ReportResponse:
        told = [event async for request in requests for event in request.events.events]
        if self.refusals:
            self.refusals -= 1
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "as told")
        for event in told:
            self.events.put_nowait(event)
        return wire.ReportResponse(events_stored=len(told))


async def test_a_batch_that_the_cloud_declines_is_dropped_and_counted(monkeypatch: Any) -> None:
    """The events behind it still arrive; and no field is longer than the cloud takes."""
    monkeypatch.setattr(reports, "_PAUSE_SECONDS", 0)
    cloud, counters, numbers = Cloud(refusals=1), Counters(), count(1)
    events = Events(lambda: NOW, lambda: f"event-{next(numbers):04}", counters)
    async with serving((add_TelemetryServiceServicer_to_server, cloud)) as channel, asyncio.TaskGroup() as tasks:
        reporting = tasks.create_task(Reports(channel, events, counters).run())
        events.tell(EventName.MAIL_BLOCKED, mail_from="a" * 600)
        async with asyncio.timeout(10):
            while counters.snapshot()[Count.EVENTS_DROPPED] == 0:  # noqa: ASYNC110 - the counter tells nobody
                await asyncio.sleep(0)
            events.tell(EventName.MAIL_DELIVERED, mail_from="b" * 600)
            arrived = await cloud.events.get()
        reporting.cancel()
    assert (arrived.name, len(arrived.fields["mail_from"])) == ("mail.delivered", LONGEST_FIELD)


async def test_a_busy_device_is_not_held_back_by_the_pause(monkeypatch: Any) -> None:
    """A full batch is followed at once by the next: more events than that in two seconds would be lost in the end."""
    monkeypatch.setattr(reports, "_PAUSE_SECONDS", 3600)
    monkeypatch.setattr(reports, "_BATCH", 3)
    cloud, counters, numbers = Cloud(refusals=0), Counters(), count(1)
    events = Events(lambda: NOW, lambda: f"event-{next(numbers):04}", counters)
    async with serving((add_TelemetryServiceServicer_to_server, cloud)) as channel, asyncio.TaskGroup() as tasks:
        for _ in range(7):
            events.tell(EventName.MAIL_DELIVERED)
        reporting = tasks.create_task(Reports(channel, events, counters).run())
        async with asyncio.timeout(10):
            arrived = [(await cloud.events.get()).event_id for _ in range(7)]
        reporting.cancel()
    assert arrived == [f"event-{number:04}" for number in range(1, 8)]
