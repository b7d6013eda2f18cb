"""What a device may report: bounded before it is kept."""

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from atp.v1 import telemetry_pb2
from cloud.errors import InvalidRequest
from cloud.telemetry.event import MAX_COUNTERS, MAX_FIELDS, read_counters, read_event

TIME = Timestamp(seconds=1_772_323_200)


def test_an_event_is_read_as_it_is() -> None:
    """Its time with a zone."""
    event = read_event(
        telemetry_pb2.DeviceEvent(event_id="e-1", time=TIME, name="mail.quarantined", fields={"score": "9"})
    )
    assert (event.event_id, event.name, dict(event.fields)) == ("e-1", "mail.quarantined", {"score": "9"})
    assert event.time == datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "event",
    [
        telemetry_pb2.DeviceEvent(event_id="", time=TIME, name="a"),
        telemetry_pb2.DeviceEvent(event_id="x" * 65, time=TIME, name="a"),
        telemetry_pb2.DeviceEvent(event_id="e", time=TIME, name=""),
        telemetry_pb2.DeviceEvent(event_id="e", time=TIME, name="Not A Name"),
        telemetry_pb2.DeviceEvent(event_id="e\n", time=TIME, name="a"),
        telemetry_pb2.DeviceEvent(event_id="e", time=TIME, name="a", fields={"x": "y" * 513}),
        telemetry_pb2.DeviceEvent(
            event_id="e", time=TIME, name="a", fields={str(number): "" for number in range(MAX_FIELDS + 1)}
        ),
        telemetry_pb2.DeviceEvent(event_id="e", time=Timestamp(seconds=2**62), name="a"),
    ],
)
def test_what_has_not_the_shape_of_an_event_is_refused(event: telemetry_pb2.DeviceEvent) -> None:
    """Names, sizes, counts and times are bounded."""
    with pytest.raises(InvalidRequest):
        read_event(event)


def test_counters_are_bounded_too() -> None:
    """In number and by name."""
    assert read_counters(telemetry_pb2.CounterReport(time=TIME, counters={"mail.seen": 3})).counters == {"mail.seen": 3}
    for bad in ({"": 1}, {f"c{number}": 1 for number in range(MAX_COUNTERS + 1)}):
        with pytest.raises(InvalidRequest):
            read_counters(telemetry_pb2.CounterReport(time=TIME, counters=bad))
