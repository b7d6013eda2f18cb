"""Renewal: the next generation, the one before until it is used, and never two machines with one identity."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from atp.reasons import Reason
from cloud.enrollment.standing import DeviceState
from device.enrollment.identity import Identity
from device.enrollment.keys import new_key_pem
from device.enrollment.renewal import renewed
from device.errors import DeclinedByCloud
from tests.enrolling import Cloud, cloud_in, use


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with cloud_in(tmp_path) as running:
        yield running


@pytest.fixture
async def identity(cloud: Cloud, tmp_path: Path) -> Identity:
    return await cloud.enrolled(tmp_path / "device")


async def refused(identity: Identity, key_pem: bytes) -> str:
    """The reason why Renew refuses."""
    with pytest.raises(DeclinedByCloud) as raised:
        await renewed(identity, key_pem)
    return raised.value.reason


MISMATCH = "a newer certificate of this device is in use"
REVOKED = "this device's key was used by two machines, so its certificates were revoked"


async def test_the_next_generation_has_a_new_key_and_the_same_name(identity: Identity, cloud: Cloud) -> None:
    key_pem = new_key_pem()
    second = await renewed(identity, key_pem)
    assert (second.generation, second.name) == (2, identity.name)
    assert second.certificate.public_key() == load_pem_private_key(key_pem, None).public_key()
    assert second.not_after >= identity.not_after
    (noted,) = await cloud.noted("device.renewed")
    assert noted == {"device_id": identity.device_id, "generation": 2, "shown_generation": 1}


async def test_the_old_certificate_is_good_until_the_new_one_is_used(identity: Identity, cloud: Cloud) -> None:
    """Also across a restart of the cloud."""
    second = await renewed(identity, new_key_pem())
    assert await use(identity) == "OK"
    await cloud.devices.load()
    assert await use(identity) == "OK"
    assert await use(second) == "OK"
    assert await use(identity) == MISMATCH
    await cloud.devices.load()
    assert await use(identity) == MISMATCH
    assert await use(second) == "OK"


async def test_a_lost_answer_is_given_again_for_the_same_key(identity: Identity) -> None:
    key_pem = new_key_pem()
    first = await renewed(identity, key_pem)
    again = await renewed(identity, key_pem)
    assert first == again


async def test_renewals_at_once_with_one_key_give_one_certificate(identity: Identity, cloud: Cloud) -> None:
    key_pem = new_key_pem()
    found = await asyncio.gather(*(renewed(identity, key_pem) for _ in range(10)))
    assert set(found) == {found[0]}
    assert len(await cloud.noted("device.renewed")) == 1


async def test_a_lost_answer_may_be_followed_by_another_key(identity: Identity) -> None:
    """The certificate that never arrived is void from then on: whoever shows it has a copy of something."""
    lost = await renewed(identity, new_key_pem())
    third = await renewed(identity, new_key_pem())
    assert third.generation == 3
    assert await use(third) == "OK"
    assert await use(lost) == MISMATCH


async def test_renewal_takes_a_new_key(identity: Identity) -> None:
    assert await refused(identity, identity.key_pem) == Reason.CSR_REFUSED


async def test_a_late_call_is_refused_without_alarm(identity: Identity, cloud: Cloud) -> None:
    """Calls of the old channel may still be under way when the new one is first used."""
    second = await renewed(identity, new_key_pem())
    await use(second)
    cloud.clock.forward(minutes=4)
    assert await use(identity) == MISMATCH
    assert await cloud.noted("device.cloned") == []
    assert await use(second) == "OK"


async def test_an_old_certificate_used_long_after_is_a_clone_and_takes_all_with_it(
    identity: Identity, cloud: Cloud, tmp_path: Path
) -> None:
    """A copied state folder: the copy is refused, the alarm is raised, and every certificate of the device is revoked."""
    shutil.copytree(tmp_path / "device", tmp_path / "copy", symlinks=True)
    second = await renewed(identity, new_key_pem())
    await use(second)
    cloud.clock.forward(minutes=6)
    copy = Identity.load(tmp_path / "copy")
    assert copy == identity
    with structlog.testing.capture_logs() as logs:
        assert await use(copy) == MISMATCH
    assert [entry["log_level"] for entry in logs if entry["event"] == "device.cloned"] == ["critical", "warning"]
    (noted,) = await cloud.noted("device.cloned")
    assert noted["shown_generation"] == 1
    assert await use(second) == REVOKED
    assert await refused(second, new_key_pem()) == Reason.DEVICE_REVOKED
    assert cloud.devices.get(identity.device_id).state is DeviceState.CLONED


async def test_a_thief_who_renews_first_wins_nothing_for_long(identity: Identity, cloud: Cloud) -> None:
    """Once the owner calls with what it has, both are out, and the owner comes back with a new token."""
    stolen = await renewed(identity, new_key_pem())
    assert await use(stolen) == "OK"
    cloud.clock.forward(minutes=6)
    assert await use(identity) == MISMATCH
    assert await use(stolen) == REVOKED


async def test_a_device_that_came_back_after_a_clone_is_another(
    cloud: Cloud, identity: Identity, tmp_path: Path
) -> None:
    await renewed(identity, new_key_pem())
    third = await renewed(identity, new_key_pem())
    await use(third)
    cloud.clock.forward(minutes=6)
    await use(identity)
    # TLS judges by the machine's clock, and would find a certificate of this one's future.
    cloud.clock.forward(minutes=-6)
    again = await cloud.enrolled(tmp_path / "again")
    assert again.device_id != identity.device_id
    assert await use(again) == "OK"
