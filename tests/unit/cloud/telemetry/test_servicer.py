"""Report over a real gRPC connection."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest

from atp.identity import DeviceId, RealmId
from atp.v1 import telemetry_pb2, telemetry_pb2_grpc
from cloud.clock import random_id
from cloud.rpc.caller import Caller, acting_as
from cloud.storage.engine import Database
from cloud.storage.events import EventStore
from cloud.storage.migrations.upgrade import upgrade_sqlite
from cloud.storage.realms import RealmStore
from cloud.telemetry.event import ReportedEvent
from cloud.telemetry.servicer import TelemetryServicer

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class WatchedStore(EventStore):
    """Says when events were stored."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.added = asyncio.Event()

    async def add(self, realm_id: RealmId, device_id: DeviceId, events: Sequence[ReportedEvent], at: datetime) -> int:
        new = await super().add(realm_id, device_id, events, at)
        self.added.set()
        return new


class AsDevice(TelemetryServicer):
    """The servicer behind a gate that has recognised a device."""

    device: Caller

    async def Report(  # noqa: N802
        self, request_iterator: AsyncIterator[telemetry_pb2.ReportRequest], context: Any
    ) -> telemetry_pb2.ReportResponse:
        with acting_as(self.device):
            return await super().Report(request_iterator, context)


@asynccontextmanager
async def reporting(tmp_path: Path) -> AsyncIterator[tuple[Any, WatchedStore, Caller]]:
    """A device's stub, and what the cloud keeps."""
    upgrade_sqlite(tmp_path / "cloud.db")
    database = Database.open_sqlite(tmp_path / "cloud.db")
    realm = await RealmStore(database, random_id).create("acme", NOW)
    store = WatchedStore(database)
    servicer = AsDevice(store, lambda: NOW)
    servicer.device = Caller(realm.id, DeviceId("device_1"), 1)
    server = grpc.aio.server()
    telemetry_pb2_grpc.add_TelemetryServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield telemetry_pb2_grpc.TelemetryServiceStub(channel), store, servicer.device
    finally:
        await server.stop(0)
        await database.close()


def event(number: int) -> telemetry_pb2.ReportRequest:
    return telemetry_pb2.ReportRequest(
        event=telemetry_pb2.DeviceEvent(event_id=f"e{number}", name="mail.passed", fields={"n": str(number)})
    )


async def test_a_stream_is_stored_and_its_new_events_counted(tmp_path: Path) -> None:
    """More than wait in one batch; what was reported before is not counted again."""
    async with reporting(tmp_path) as (stub, store, device), asyncio.timeout(30):
        counters = telemetry_pb2.ReportRequest(counters=telemetry_pb2.CounterReport(counters={"mail": 500}))
        answer = await stub.Report(iter([*(event(number) for number in range(500)), counters]))
        assert answer.events_stored == 500
        assert (await stub.Report(iter([event(499), event(500)]))).events_stored == 1
        assert len(await store.latest(device.realm_id, limit=1000)) == 501
        assert (await store.counters(device.realm_id))[device.device_id].counters == {"mail": 500}


async def test_events_that_come_together_count_as_those_that_come_one_by_one(tmp_path: Path) -> None:
    """A busy device sends many in one message of the stream."""
    async with reporting(tmp_path) as (stub, store, device), asyncio.timeout(30):
        together = telemetry_pb2.EventBatch(events=[event(number).event for number in range(250)])
        answer = await stub.Report(iter([telemetry_pb2.ReportRequest(events=together), event(249), event(250)]))
        assert answer.events_stored == 251
        assert len(await store.latest(device.realm_id, limit=1000)) == 251


async def test_events_are_stored_while_the_stream_is_open(tmp_path: Path) -> None:
    """A device keeps its stream for as long as it lives; nobody waits for its end to see what it reports."""
    async with reporting(tmp_path) as (stub, store, device), asyncio.timeout(30):
        call = stub.Report()
        await call.write(event(1))
        await store.added.wait()
        assert len(await store.latest(device.realm_id, limit=10)) == 1
        await call.done_writing()
        assert (await call).events_stored == 1


async def test_a_bad_event_ends_the_stream_and_what_came_before_is_kept(tmp_path: Path) -> None:
    """The error is the device's, not a group of errors of ours."""
    async with reporting(tmp_path) as (stub, store, device), asyncio.timeout(30):
        call = stub.Report()
        await call.write(event(1))
        await store.added.wait()
        assert len(await store.latest(device.realm_id, limit=10)) == 1
        await call.write(telemetry_pb2.ReportRequest(event=telemetry_pb2.DeviceEvent(event_id="", name="")))
        with pytest.raises(grpc.aio.AioRpcError, match="an event needs an id"):
            await call
