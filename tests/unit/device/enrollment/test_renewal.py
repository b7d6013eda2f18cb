"""Renewal in time: by the device's own loop, with a clock and an alarm that the test owns."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from atp.reasons import Reason
from cloud.enrollment.revocation import Revocation
from device.enrollment.enrol import disenrol, enrol
from device.enrollment.identity import Identity
from device.enrollment.renewal import Bell, Renewal, due
from device.errors import CloudUnreachable, IdentityDamaged, NotEnrolled
from tests.enrolling import REALM, Cloud, OwnClock, cloud_in, open_database, running, use, wire


class Turns:
    """An alarm under control: the loop tells how long it would wait, and waits until the test lets it go on."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[float] = asyncio.Queue()
        self._go = asyncio.Semaphore(0)

    async def wait(self, seconds: float) -> None:
        self.asked.put_nowait(seconds)
        await self._go.acquire()

    def go(self) -> None:
        self._go.release()

    async def pause(self) -> float:
        """The seconds that the loop waits for now."""
        return await asyncio.wait_for(self.asked.get(), 20)


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with cloud_in(tmp_path) as running_cloud:
        yield running_cloud


@pytest.fixture
async def renewal(cloud: Cloud, tmp_path: Path) -> Renewal:
    state = tmp_path / "device"
    return Renewal(state, await cloud.enrolled(state), cloud.clock, lambda: 0.5, Turns())


@asynccontextmanager
async def looping(renewal: Renewal) -> AsyncIterator[Turns]:
    alarm = renewal._alarm
    assert isinstance(alarm, Turns)
    async with asyncio.TaskGroup() as tasks:
        loop = tasks.create_task(renewal.run())
        yield alarm
        loop.cancel()


async def test_it_renews_at_half_of_the_lifetime_and_tells_everyone(
    renewal: Renewal, cloud: Cloud, tmp_path: Path
) -> None:
    """The identity is on disk before anyone hears of it; both certificates are good then."""
    told: list[Identity] = []
    renewal.tell(told.append)
    first = renewal.identity
    async with looping(renewal) as alarm:
        assert await alarm.pause() == 3600
        cloud.clock.forward(days=3.4)
        alarm.go()
        assert 0 < await alarm.pause() <= 3600
        cloud.clock.forward(days=0.2)
        alarm.go()
        await alarm.pause()
    assert [identity.generation for identity in told] == [2]
    assert Identity.load(tmp_path / "device") == renewal.identity == told[0]
    assert renewal.identity.key_pem != first.key_pem
    assert renewal.trouble is None


async def test_devices_do_not_all_come_at_once(renewal: Renewal) -> None:
    """Chance spreads them over a tenth of the lifetime, around its half."""
    identity = renewal.identity
    half = identity.not_before + (identity.not_after - identity.not_before) / 2
    spread = [due(identity, chance) - half for chance in (0.0, 0.5, 0.999)]
    assert spread[0] < timedelta(hours=-8)
    assert abs(spread[1]) < timedelta(seconds=1)
    assert spread[2] > timedelta(hours=8)


async def test_a_cloud_that_is_away_is_tried_again_ever_more_slowly(renewal: Renewal, cloud: Cloud) -> None:
    """And it is the same key each time, so that an answer that was lost is found again."""
    await cloud.servers.stop(0)
    async with looping(renewal) as alarm:
        await alarm.pause()
        cloud.clock.forward(days=4)
        pauses = []
        for _ in range(8):
            alarm.go()
            pauses.append(await alarm.pause())
            cloud.clock.forward(seconds=pauses[-1] + 1)
        assert pauses[:3] == pytest.approx([37.5, 75, 150], abs=1)
        assert pauses[-1] == 3600
    assert isinstance(renewal.trouble, CloudUnreachable)


async def test_a_full_disk_is_trouble_and_ends_nothing(
    renewal: Renewal, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The renewed identity can't be written: the one in force stays, and the next attempt, with room again, succeeds."""
    first = renewal.identity

    def no_room(_identity: Identity, _state: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with looping(renewal) as alarm:
        await alarm.pause()
        cloud.clock.forward(days=4)
        with monkeypatch.context() as full:
            full.setattr(Identity, "keep", no_room)
            alarm.go()
            await alarm.pause()
        assert (renewal.identity, type(renewal.trouble)) == (first, IdentityDamaged)
        cloud.clock.forward(seconds=60)
        alarm.go()
        await alarm.pause()
    assert (renewal.identity.generation, renewal.trouble) == (2, None)


async def test_an_outage_beyond_the_certificates_life_heals_by_itself(tmp_path: Path) -> None:
    """A cloud that comes back after two weeks finds its device again, without a person."""
    clock = OwnClock(timedelta(days=-14))
    database, state = await open_database(tmp_path), tmp_path / "device"
    async with running(wire(database, tmp_path, clock)) as cloud:
        renewal = Renewal(state, await cloud.enrolled(state), clock, lambda: 0.5, Turns())
    clock.forward(days=14)
    async with looping(renewal) as alarm:
        await alarm.pause()
        trouble = renewal.trouble
        async with running(wire(database, tmp_path, clock), cloud.ports):
            clock.forward(minutes=1)
            alarm.go()
            await alarm.pause()
            assert await use(renewal.identity) == "OK"
    await database.close()
    assert isinstance(trouble, CloudUnreachable)
    assert renewal.trouble is None
    assert renewal.identity.generation == 2
    assert renewal.identity.not_after > clock()


async def test_the_trouble_is_the_true_reason(renewal: Renewal, cloud: Cloud) -> None:
    await cloud.devices.revoke(renewal.identity.device_id, Revocation.EVICTED)
    async with looping(renewal) as alarm:
        await alarm.pause()
        cloud.clock.forward(days=4)
        alarm.go()
        await alarm.pause()
    assert renewal.trouble is not None
    assert renewal.trouble.reason == Reason.DEVICE_REVOKED
    assert "evicted" in renewal.trouble.sentence


async def test_an_identity_that_was_replaced_meanwhile_is_taken_over_and_not_overwritten(
    renewal: Renewal, cloud: Cloud, tmp_path: Path
) -> None:
    """`srx enroll --replace` beside a running device."""
    told: list[Identity] = []
    renewal.tell(told.append)
    new = await enrol((await cloud.url(REALM)).text(), tmp_path / "device", replace=True)
    assert await renewal.renew() == new
    assert told == [new]
    assert Identity.load(tmp_path / "device") == new


async def test_an_identity_that_was_removed_stays_removed(renewal: Renewal, tmp_path: Path) -> None:
    await disenrol(tmp_path / "device")
    with pytest.raises(NotEnrolled):
        await renewal.renew()
    assert Identity.load(tmp_path / "device") is None


async def test_the_renewed_identity_is_good(renewal: Renewal) -> None:
    assert await use(await renewal.renew()) == "OK"
    assert await use(await renewal.renew()) == "OK"


async def test_a_bell_wakes_the_loop_early_and_time_does_too() -> None:
    bell = Bell()
    bell.ring()
    await asyncio.wait_for(bell.wait(3600), 5)
    await asyncio.wait_for(bell.wait(0.001), 5)
