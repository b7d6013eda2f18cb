"""Devices' reports as they are kept."""

from datetime import UTC, datetime, timedelta

from atp.identity import DeviceId
from cloud.clock import random_id
from cloud.storage.engine import Database
from cloud.storage.events import EventStore
from cloud.storage.realms import RealmStore
from cloud.telemetry.event import ReportedCounters, ReportedEvent

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ONE, TWO = DeviceId("device_1"), DeviceId("device_2")


def event(number: int) -> ReportedEvent:
    return ReportedEvent(f"e{number}", NOW - timedelta(seconds=number), "mail.quarantined", {"score": "9"})


async def test_an_event_is_kept_once_a_device(database: Database) -> None:
    """Repeated in one batch or a later one; another device's event of the same id is another event."""
    realm = await RealmStore(database, random_id).create("acme", NOW)
    store = EventStore(database)
    assert await store.add(realm.id, ONE, [event(1), event(1), event(2)], NOW) == 2
    assert await store.add(realm.id, ONE, [event(2), event(3)], NOW) == 1
    assert await store.add(realm.id, TWO, [event(1)], NOW) == 1
    latest = await store.latest(realm.id, limit=10)
    assert [(each.device_id, each.event.event_id) for each in latest] == [
        (TWO, "e1"),
        (ONE, "e3"),
        (ONE, "e2"),
        (ONE, "e1"),
    ]
    assert latest[0].event == event(1)


async def test_the_oldest_events_of_a_realm_go_first(database: Database) -> None:
    """The number kept is bounded, one realm's flood costs another nothing."""
    realms, store = RealmStore(database, random_id), EventStore(database, kept=3)
    one, other = await realms.create("one", NOW), await realms.create("other", NOW)
    await store.add(other.id, TWO, [event(0)], NOW)
    await store.add(one.id, ONE, [event(number) for number in range(10)], NOW)
    assert [each.event.event_id for each in await store.latest(one.id, limit=10)] == ["e9", "e8", "e7"]
    assert len(await store.latest(other.id, limit=10)) == 1


async def test_a_devices_last_counters_are_kept(database: Database) -> None:
    """In place of the earlier ones."""
    realm = await RealmStore(database, random_id).create("acme", NOW)
    store = EventStore(database)
    await store.keep_counters(realm.id, ONE, ReportedCounters(NOW, {"mail": 1}))
    await store.keep_counters(realm.id, ONE, ReportedCounters(NOW, {"mail": 2}))
    await store.keep_counters(realm.id, TWO, ReportedCounters(NOW, {"mail": 5}))
    assert {device: dict(each.counters) for device, each in (await store.counters(realm.id)).items()} == {
        ONE: {"mail": 2},
        TWO: {"mail": 5},
    }
