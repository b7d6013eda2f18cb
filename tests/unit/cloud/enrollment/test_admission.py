"""A certificate that TLS lets in is still asked whose it is: of this cloud, of this realm, of a device that is known."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_public_key

from atp.identity import DeviceId, DeviceName, RealmId
from atp.reasons import Reason
from cloud.enrollment.revocation import Revocation, refusal
from cloud.enrollment.signer import key_info
from cloud.enrollment.standing import DeviceState
from cloud.errors import CloudError, NotFound
from cloud.rpc.certificate import ShownCertificate
from cloud.storage.devices import DeviceStore
from device.enrollment.identity import Identity
from tests.enrolling import OTHER_REALM, REALM, Cloud, cloud_in, use


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with cloud_in(tmp_path) as running:
        yield running


@pytest.fixture
async def identity(cloud: Cloud, tmp_path: Path) -> Identity:
    return await cloud.enrolled(tmp_path / "device")


def shown(cloud: Cloud, name: DeviceName) -> ShownCertificate:
    """A certificate with that name, signed by this cloud's own device intermediate."""
    issued = cloud.authority.device_certificate(name, generate_private_key(SECP256R1()).public_key(), 1)
    return ShownCertificate(name, issued.sha256, cloud.clock(), issued.not_after)


@pytest.mark.parametrize(
    "change",
    [
        {"authority": "atp-00000000.invalid"},
        {"realm_id": OTHER_REALM},
        {"realm_id": RealmId("realm_none")},
        {"device_id": DeviceId("dev_none")},
    ],
)
async def test_a_name_that_is_not_wholly_a_members_is_refused(
    cloud: Cloud, identity: Identity, change: dict[str, str]
) -> None:
    with pytest.raises(CloudError) as raised:
        await cloud.admission.admit(shown(cloud, replace(identity.name, **change)))  # type: ignore[arg-type]
    assert raised.value.reason is Reason.CERTIFICATE_REFUSED


async def test_a_certificate_that_was_never_recorded_is_a_clones(cloud: Cloud, identity: Identity) -> None:
    """Whoever has the intermediate's key and signs with it past the database is noticed."""
    with pytest.raises(CloudError) as raised:
        await cloud.admission.admit(shown(cloud, identity.name))
    assert raised.value.reason is Reason.GENERATION_MISMATCH
    assert cloud.devices.get(identity.device_id).state is DeviceState.CLONED


async def test_any_call_of_a_device_is_a_sign_of_life(cloud: Cloud, identity: Identity) -> None:
    """Known here and in the store, exact to a minute: what calls all the time is written once in that span."""
    assert await use(identity) == "OK"
    first = cloud.devices.get(identity.device_id).last_seen_at
    assert first is not None
    certificate = replace(shown(cloud, identity.name), sha256=cloud.devices.get(identity.device_id).current.sha256)
    cloud.clock.frozen = first + timedelta(seconds=59)
    await cloud.admission.admit(certificate)
    assert cloud.devices.get(identity.device_id).last_seen_at == first
    cloud.clock.frozen = first + timedelta(minutes=5)
    await asyncio.gather(*(cloud.admission.admit(certificate) for _ in range(5)))
    kept = await DeviceStore(cloud.database).by_id(identity.device_id)
    assert kept == cloud.devices.get(identity.device_id)
    assert kept.last_seen_at == cloud.clock()


async def test_what_a_device_says_of_itself_is_noted_at_once(cloud: Cloud, identity: Identity) -> None:
    """A new policy revision does not wait for the minute to be over."""
    for revision in (6, 7):
        await cloud.devices.heard_from(identity.device_id, "1.2.3", revision)
        kept = await DeviceStore(cloud.database).by_id(identity.device_id)
        assert kept is not None
        assert (kept.version, kept.policy_revision) == ("1.2.3", revision)
    assert kept == cloud.devices.get(identity.device_id)


async def test_a_servers_certificate_is_no_devices(cloud: Cloud, identity: Identity) -> None:
    """The device port trusts the device intermediate, not the root: the handshake fails already."""
    key = generate_private_key(SECP256R1())
    leaf = cloud.authority.server_certificate([], key.public_key())
    chain = b"".join(
        each.public_bytes(Encoding.PEM) for each in (leaf, cloud.authority.server_ca, cloud.authority.root)
    )
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert "Socket closed" in await use(replace(identity, key_pem=key_pem, chain_pem=chain))


async def test_without_a_certificate_the_device_port_is_closed(cloud: Cloud, identity: Identity) -> None:
    roots = grpc.ssl_channel_credentials(identity.trust_bundle_pem)
    async with grpc.aio.secure_channel(identity.endpoint, roots) as channel:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await channel.channel_ready()


async def test_a_device_that_is_ended_while_it_renews_stays_ended(cloud: Cloud, identity: Identity) -> None:
    before = cloud.devices.get(identity.device_id)
    await cloud.devices.revoke(identity.device_id, Revocation.BANNED)
    cloud.devices.put(before)
    assert cloud.devices.get(identity.device_id).state is DeviceState.BANNED


async def test_revoking_a_device_that_is_not_there_is_told(cloud: Cloud) -> None:
    with pytest.raises(NotFound):
        await cloud.devices.revoke(DeviceId("dev_none"), Revocation.EVICTED)
    assert cloud.devices.list(REALM) == ()


@pytest.mark.parametrize("state", [state for state in DeviceState if state is not DeviceState.ENROLLED])
def test_every_end_has_its_words(state: DeviceState) -> None:
    error = refusal(state)
    assert error.sentence
    assert error.next_step


def test_what_is_hashed_of_a_key_is_its_public_info() -> None:
    key = generate_private_key(SECP256R1()).public_key()
    assert load_der_public_key(key_info(key)) == key
