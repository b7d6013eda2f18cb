"""Events and counters of devices as values, and the shape that they must have: a device's word is bounded before it is kept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from atp.v1 import telemetry_pb2
from cloud.errors import InvalidRequest

MAX_FIELDS: Final = 32
MAX_FIELD_CHARACTERS: Final = 512
MAX_COUNTERS: Final = 1000

_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class ReportedEvent:
    """One thing that a device saw. `time` is the device's own clock."""

    event_id: str
    time: datetime
    name: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReportedCounters:
    """A device's counters since its start, by name."""

    time: datetime
    counters: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event as it is shown: who reported it, and when it came in. `number` rises in the order of arrival."""

    number: int
    device_id: str
    received_at: datetime
    event: ReportedEvent


def read_event(event: telemetry_pb2.DeviceEvent) -> ReportedEvent:
    """Take an event off the wire. Raises InvalidRequest where it has not the shape of one."""
    fields = dict(event.fields)
    if _ID.fullmatch(event.event_id) is None or _NAME.fullmatch(event.name) is None:
        raise InvalidRequest("an event needs an id of 1 to 64 characters and a name such as mail.quarantined")
    if len(fields) > MAX_FIELDS or any(_too_long(text) for pair in fields.items() for text in pair):
        raise InvalidRequest(f"an event has at most {MAX_FIELDS} fields of {MAX_FIELD_CHARACTERS} characters")
    return ReportedEvent(event.event_id, _instant(event.time), event.name, fields)


def read_counters(report: telemetry_pb2.CounterReport) -> ReportedCounters:
    """Take counters off the wire. Raises InvalidRequest where they have not the shape of some."""
    counters = dict(report.counters)
    if len(counters) > MAX_COUNTERS or not all(_NAME.fullmatch(name) for name in counters):
        raise InvalidRequest(f"a report has at most {MAX_COUNTERS} counters with names such as mail.quarantined")
    return ReportedCounters(_instant(report.time), counters)


def _too_long(text: str) -> bool:
    return len(text) > MAX_FIELD_CHARACTERS


def _instant(time: Timestamp) -> datetime:
    try:
        return time.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest("the time of a report lies outside of the years 1 to 9999") from error
