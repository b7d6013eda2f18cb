"""The true reason, found by looking and by asking."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from atp.reasons import Reason
from device.enrollment.diagnosis import diagnose, own_view
from device.enrollment.identity import Identity
from device.errors import ClockWrong, CloudUnreachable, IdentityDamaged
from tests.enrolling import Cloud, OwnClock, cloud_in


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with cloud_in(tmp_path) as running:
        yield running


@pytest.fixture
async def identity(cloud: Cloud, tmp_path: Path) -> Identity:
    return await cloud.enrolled(tmp_path / "device")


async def test_a_good_identity_has_nothing_wrong(identity: Identity) -> None:
    assert await diagnose(identity) is None


async def test_a_wrong_clock_here_is_named_with_both_times(identity: Identity, cloud: Cloud) -> None:
    """Although by that clock the certificate would have expired: the clock is the true reason."""
    found = await diagnose(identity, OwnClock(timedelta(days=30)))
    assert isinstance(found, ClockWrong)
    assert f"{cloud.clock():the cloud's says %Y-%m-%dT%H}" in found.sentence


async def test_without_the_cloud_our_own_view_is_told(identity: Identity, cloud: Cloud) -> None:
    await cloud.servers.stop(0)
    assert isinstance(await diagnose(identity), CloudUnreachable)
    late = await diagnose(identity, OwnClock(timedelta(days=8)))
    assert late is not None
    assert late.reason == Reason.CERTIFICATE_EXPIRED
    assert "recovers by itself" in late.next_step


async def test_a_certificate_of_the_future_means_a_clock_behind(identity: Identity) -> None:
    assert own_view(identity, identity.not_before) is None
    assert own_view(identity, identity.not_after) is None
    assert isinstance(own_view(identity, identity.not_before - timedelta(seconds=1)), ClockWrong)


async def test_a_chain_that_ends_elsewhere_is_damage(identity: Identity, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    async with cloud_in(folder) as other:
        stranger = await other.enrolled(folder / "device")
    mixed = replace(identity, trust_bundle_pem=stranger.trust_bundle_pem)
    assert isinstance(own_view(mixed, identity.not_before), IdentityDamaged)
    leaf_alone = replace(identity, chain_pem=identity.chain_pem[: identity.chain_pem.index(b"-----END") + 26])
    assert isinstance(own_view(leaf_alone, identity.not_before), IdentityDamaged)
