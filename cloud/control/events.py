"""What a realm's devices reported last."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cloud.control.administration import Administration
from cloud.control.operation import Operation
from cloud.errors import InvalidRequest
from cloud.storage.events import KEPT_A_REALM


@dataclass(frozen=True, slots=True)
class ShowEvents:
    """`realm` may be None where there is only one."""

    realm: str | None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class EventView:
    """One event. `time` is the device's clock, `received_at` ours."""

    number: int
    device: str
    time: datetime
    received_at: datetime
    name: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class EventsView:
    """The last events, oldest first, and each device's counters by device id."""

    realm: str
    events: tuple[EventView, ...]
    counters: dict[str, dict[str, int]]


async def _show(administration: Administration, params: ShowEvents) -> EventsView:
    if not 1 <= params.limit <= KEPT_A_REALM:
        raise InvalidRequest("that many events can't be shown", next_step=f"--limit is from 1 to {KEPT_A_REALM}.")
    realm = await administration.realm(params.realm)
    kept = await administration.events.latest(realm.id, limit=params.limit)
    counters = await administration.events.counters(realm.id)
    return EventsView(
        realm.name,
        tuple(
            EventView(
                each.number,
                each.device_id,
                each.event.time,
                each.received_at,
                each.event.name,
                dict(each.event.fields),
            )
            for each in reversed(kept)
        ),
        {device: dict(report.counters) for device, report in counters.items()},
    )


SHOW: Final = Operation("events.show", ShowEvents, EventsView, _show)
