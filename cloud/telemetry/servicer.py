"""TelemetryService: a device's stream of events and counters, stored as it comes, in batches where it comes fast."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import structlog

from atp.v1 import telemetry_pb2, telemetry_pb2_grpc
from cloud.clock import Clock
from cloud.rpc.caller import Caller, caller
from cloud.storage.events import EventStore
from cloud.telemetry.event import ReportedCounters, ReportedEvent, read_counters, read_event

_BATCH: Final = 200
"""Reports that wait at most, and that go into one transaction: beyond it the device waits (flow control)."""

_log = structlog.get_logger()

Reported = ReportedEvent | ReportedCounters


class TelemetryServicer(telemetry_pb2_grpc.TelemetryServiceServicer):
    """Takes reports of all devices."""

    def __init__(self, events: EventStore, clock: Clock) -> None:
        self._events = events
        self._clock = clock

    async def Report(  # noqa: N802 - the wire's name
        self,
        request_iterator: AsyncIterator[telemetry_pb2.ReportRequest],
        context: Any,  # noqa: ARG002 - gRPC's signature
    ) -> telemetry_pb2.ReportResponse:
        """Store until the device ends the stream; answers how many events were new. Raises InvalidRequest."""
        device = caller()
        try:
            return telemetry_pb2.ReportResponse(events_stored=await self._store_all(device, request_iterator))
        except ExceptionGroup as group:
            # One task alone can fail on its own account: the one that reads.
            raise group.exceptions[0] from None

    async def _store_all(self, device: Caller, requests: AsyncIterator[telemetry_pb2.ReportRequest]) -> int:
        waiting: asyncio.Queue[Reported | None] = asyncio.Queue(_BATCH)
        stored = 0
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_read(requests, waiting))
            while batch := await _next_batch(waiting):
                stored += await self._store(device, batch)
        return stored

    async def _store(self, device: Caller, batch: list[Reported]) -> int:
        events = [report for report in batch if isinstance(report, ReportedEvent)]
        counters = [report for report in batch if isinstance(report, ReportedCounters)]
        if counters:
            await self._events.keep_counters(device.realm_id, device.device_id, counters[-1])
        return await self._events.add(device.realm_id, device.device_id, events, self._clock()) if events else 0


async def _read(
    requests: AsyncIterator[telemetry_pb2.ReportRequest], waiting: "asyncio.Queue[Reported | None]"
) -> None:
    """Put each report of the stream into the queue, then None."""
    async for request in requests:
        match request.WhichOneof("part"):
            case "event":
                await waiting.put(read_event(request.event))
            case "events":
                for event in request.events.events:
                    await waiting.put(read_event(event))
            case "counters":
                await waiting.put(read_counters(request.counters))
            case _:
                _log.info("telemetry.unknown_part", device=caller().device_id)
    await waiting.put(None)


async def _next_batch(waiting: "asyncio.Queue[Reported | None]") -> list[Reported]:
    """Wait for a report, and take those that wait with it; empty at the end of the stream."""
    batch: list[Reported] = []
    report = await waiting.get()
    while report is not None:
        batch.append(report)
        if waiting.empty():
            return batch
        report = waiting.get_nowait()
    if batch:
        waiting.put_nowait(None)
    return batch
