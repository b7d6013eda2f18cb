"""Telling the cloud what happened: batches of events and the counters, repeated until the cloud has them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from typing import Final

import structlog
from google.protobuf.timestamp_pb2 import Timestamp

from atp.v1 import telemetry_pb2
from device.clock import Clock
from device.cloudlink.channel import CloudChannel, Stubs, once
from device.cloudlink.faults import CloudFault, Declined
from device.telemetry.counters import Count, Counters
from device.telemetry.events import Event, Events

log = structlog.get_logger()

_BATCH: Final = 500
_EVENTS_A_MESSAGE: Final = 25
"""Some 12 KB, made in half a millisecond: mail waits no longer for it. gRPC takes 4 MB at most."""
_SECONDS: Final = 15.0
_PAUSE_SECONDS: Final = 2.0
"""After a report of fewer events than a batch has, so that there are some to send, and after one that failed."""


class Reports:
    """Sends events as long as run() runs, and with them the counters, if they are `whole`: those of all the device.

    The cloud keeps the counters that it heard last; one worker's would stand there for the device's.
    """

    def __init__(self, channel: CloudChannel, events: Events, counters: Counters, *, whole: bool = True) -> None:
        self._channel = channel
        self._events = events
        self._counters = counters
        self._whole = whole

    async def run(self) -> None:
        """Report for ever; a cloud that is away is tried again."""
        while True:
            batch = await self._events.next_batch(_BATCH)
            pause = _PAUSE_SECONDS
            try:
                await once(lambda stubs, batch=batch: self._report(stubs, batch), self._channel)  # type: ignore[misc]
            except Declined as fault:
                log.warning("reports.declined", reason=fault.reason, events=len(batch))
                self._events.told_of(batch)
                self._counters.add(Count.EVENTS_DROPPED, len(batch))
            except CloudFault as fault:
                log.debug("reports.failed", reason=fault.reason)
            else:
                self._events.told_of(batch)
                if len(batch) == _BATCH:  # more are waiting
                    pause = 0.0
            await asyncio.sleep(pause)

    async def _report(self, stubs: Stubs, batch: list[Event]) -> None:
        await stubs.telemetry.Report(iter(self._requests(batch)), timeout=_SECONDS)

    def _requests(self, batch: list[Event]) -> Iterator[telemetry_pb2.ReportRequest]:
        for start in range(0, len(batch), _EVENTS_A_MESSAGE):
            events = [_wire(event) for event in batch[start : start + _EVENTS_A_MESSAGE]]
            yield telemetry_pb2.ReportRequest(events=telemetry_pb2.EventBatch(events=events))
        if self._whole:
            yield _counted(batch[-1].time, self._counters.snapshot())


class Totals:
    """Sends the counters of all workers together, as long as run() runs and whenever they have changed."""

    def __init__(self, channel: CloudChannel, count: Callable[[], Awaitable[Mapping[str, int]]], clock: Clock) -> None:
        self._channel = channel
        self._count = count
        self._clock = clock

    async def run(self) -> None:
        """Report for ever; a cloud that is away hears the next ones."""
        told: Mapping[str, int] = {}
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            counters = await self._count()
            if counters == told:
                continue
            try:
                await once(lambda stubs, counters=counters: self._report(stubs, counters), self._channel)  # type: ignore[misc]
            except CloudFault as fault:
                log.debug("reports.failed", reason=fault.reason)
            else:
                told = counters

    async def _report(self, stubs: Stubs, counters: Mapping[str, int]) -> None:
        await stubs.telemetry.Report(iter([_counted(self._clock(), counters)]), timeout=_SECONDS)


def _counted(at: datetime, counters: Mapping[str, int]) -> telemetry_pb2.ReportRequest:
    time = Timestamp()
    time.FromDatetime(at)
    return telemetry_pb2.ReportRequest(counters=telemetry_pb2.CounterReport(time=time, counters=counters))


def _wire(event: Event) -> telemetry_pb2.DeviceEvent:
    told = telemetry_pb2.DeviceEvent(event_id=event.id, name=event.name.value, fields=dict(event.fields))
    told.time.FromDatetime(event.time)
    return told
