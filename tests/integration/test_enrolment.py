"""A device enrols, is known, and leaves: device and cloud over real TLS, and strangers in between."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from atp.enrolment_url import EnrolmentUrl
from atp.reasons import Reason
from atp.v1 import device_pb2, enrollment_pb2
from atp.v1.device_pb2_grpc import DeviceServiceStub
from cloud.enrollment.revocation import Revocation
from cloud.enrollment.standing import DeviceState
from device.enrollment import enrol as enrolling
from device.enrollment.channels import as_device
from device.enrollment.enrol import disenrol, enrol
from device.enrollment.identity import Identity
from device.enrollment.keys import new_key_pem, request_for
from device.errors import (
    AlreadyEnrolled,
    ClockWrong,
    CloudUnreachable,
    DeclinedByCloud,
    EnrolmentError,
    IdentityDamaged,
    NotAUrl,
    NotEnrolled,
)
from tests.enrolling import OTHER_REALM, REALM, Cloud, cloud_in


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with cloud_in(tmp_path) as running:
        yield running


async def heartbeat(identity: Identity) -> datetime:
    """One call as that device; the cloud's time."""
    async with as_device(identity) as channel:
        request = device_pb2.HeartbeatRequest(version="1.2", policy_revision=7)
        answer: device_pb2.HeartbeatResponse = await DeviceServiceStub(channel).Heartbeat(request, timeout=10)
        return answer.server_time.ToDatetime(UTC)


async def test_a_device_enrols_and_keeps_its_identity(cloud: Cloud, tmp_path: Path) -> None:
    state = tmp_path / "device"
    identity = await cloud.enrolled(state)
    assert Identity.load(state) == identity
    assert (identity.realm_id, identity.realm_name, identity.generation) == (REALM, "one", 1)
    (device,) = cloud.devices.list(REALM)
    assert (device.id, device.serial) == (identity.device_id, "SN1")
    assert cloud.devices.list(OTHER_REALM) == ()
    assert [entry["device_id"] for entry in await cloud.noted("device.enrolled")] == [identity.device_id]


async def test_an_enrolled_device_is_known_and_heard(cloud: Cloud, tmp_path: Path) -> None:
    """Also after a restart of the cloud: what it knows is in its database."""
    identity = await cloud.enrolled(tmp_path / "device")
    heard_at = await heartbeat(identity)
    assert abs(heard_at - datetime.now(UTC)) < timedelta(seconds=10)
    await cloud.devices.load()
    (device,) = cloud.devices.list(REALM)
    assert (device.version, device.policy_revision, device.last_seen_at) == ("1.2", 7, heard_at)


def openssl(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    """Its output holds the server's first frame, too: any bytes."""
    return subprocess.run(
        ["openssl", *command], input="", capture_output=True, timeout=20, check=False, encoding="latin-1"
    )


async def test_openssl_verifies_what_the_enrolment_port_shows(cloud: Cloud, tmp_path: Path) -> None:
    """Leaf, intermediate and root are sent; the chain is good by another implementation's rules."""
    root = tmp_path / "root.pem"
    root.write_bytes(cloud.authority.root.public_bytes(Encoding.PEM))
    address = f"127.0.0.1:{cloud.ports.enrolment}"
    command: list[str | Path] = ["s_client", "-connect", address, "-CAfile", root, "-verify_return_error", "-showcerts"]
    command += ["-verify_hostname", "localhost", "-x509_strict", "-purpose", "sslserver", "-alpn", "h2"]
    done = await asyncio.to_thread(openssl, command)
    assert "Verify return code: 0 (ok)" in done.stdout, done.stderr
    assert done.stdout.count("BEGIN CERTIFICATE") >= 3


async def test_openssl_verifies_a_device_certificate(cloud: Cloud, tmp_path: Path) -> None:
    await cloud.enrolled(tmp_path / "device")
    folder = tmp_path / "device" / "identity" / "current"
    command: list[str | Path] = ["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", folder / "trust.pem"]
    command += ["-untrusted", folder / "chain.pem", folder / "chain.pem"]
    done = await asyncio.to_thread(openssl, command)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["spent", "expired", "unknown", "wrong-secret", "other-serial", "malformed"])
async def test_every_token_that_is_no_good_gets_one_answer(cloud: Cloud, tmp_path: Path, kind: str) -> None:
    """The device learns nothing about which it is; the audit log knows, and no log knows the secret."""
    url = await cloud.url(serial="SN9" if kind == "other-serial" else None)
    text = url.text()
    match kind:
        case "spent":
            await enrol(text, tmp_path / "first", serial="SN1")
        case "expired":
            cloud.clock.forward(hours=1)
        case "unknown":
            text = text.replace(f"token={url.token.id}", "token=abcdefABCDEF")
        case "wrong-secret":
            text = text[:-8] + "AAAAAAAA"
    if kind == "malformed":
        refused = await enroll_raw(cloud, tmp_path, "no token")
    else:
        with pytest.raises(DeclinedByCloud) as raised:
            await enrol(text, tmp_path / "device", serial="SN1", clock=cloud.clock)
        refused = raised.value
    assert refused.reason == Reason.TOKEN_REFUSED
    assert refused.sentence == "the token is unknown, used or expired, or made for another device"
    assert refused.next_step == "Make a new one: srx-cloud token create --realm NAME."
    (noted,) = await cloud.noted("token.refused")
    assert noted["cause"] == kind
    assert url.token.text() not in str(await cloud.audit.latest())


async def enroll_raw(cloud: Cloud, folder: Path, token: str) -> EnrolmentError:
    """What Enroll says to a request that no device of ours would send."""
    url = await cloud.url()
    bare = EnrolmentUrl("localhost", url.port, url.pin, url.token)
    key = new_key_pem()
    request = enrollment_pb2.EnrollRequest(token=token, csr_der=request_for(key), serial="SN1")
    request.device_time.FromDatetime(datetime.now(UTC))
    with pytest.raises(EnrolmentError) as raised:
        await enrolling._ask(bare, cloud.authority.root, request)
    return raised.value


async def test_a_lost_answer_strands_nobody(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device dies before it has kept the answer; started again with the same URL it gets the same identity."""
    text = (await cloud.url()).text()
    with monkeypatch.context() as patched:
        patched.setattr(Identity, "keep", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            await enrol(text, tmp_path / "device", serial="SN1")
    cloud.clock.forward(minutes=4)
    identity = await enrol(text, tmp_path / "device", serial="SN1", clock=cloud.clock)
    (device,) = cloud.devices.list(REALM)
    assert identity.device_id == device.id
    assert not list((tmp_path / "device").glob("enrolling-*"))


async def test_after_ten_minutes_a_spent_token_is_spent_for_its_key_too(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (await cloud.url()).text()
    with monkeypatch.context() as patched:
        patched.setattr(Identity, "keep", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            await enrol(text, tmp_path / "device", serial="SN1")
    cloud.clock.forward(minutes=11)
    with pytest.raises(DeclinedByCloud, match="unknown, used or expired"):
        await enrol(text, tmp_path / "device", serial="SN1", clock=cloud.clock)


async def test_an_enrolled_device_enrols_anew_only_when_told(cloud: Cloud, tmp_path: Path) -> None:
    """And the old membership ends then: the device says goodbye with its old certificate."""
    state = tmp_path / "device"
    old = await cloud.enrolled(state)
    text = (await cloud.url(OTHER_REALM)).text()
    with pytest.raises(AlreadyEnrolled, match="realm one already"):
        await enrol(text, state)
    new = await enrol(text, state, replace=True)
    assert (new.realm_id, new.serial, Identity.load(state)) == (OTHER_REALM, "SN1", new)
    assert cloud.devices.get(old.device_id).state is DeviceState.DISENROLLED


async def test_a_failed_replacement_leaves_the_old_identity(cloud: Cloud, tmp_path: Path) -> None:
    state = tmp_path / "device"
    old = await cloud.enrolled(state)
    text = (await cloud.url()).text()[:-8] + "AAAAAAAA"
    with pytest.raises(DeclinedByCloud):
        await enrol(text, state, replace=True)
    assert Identity.load(state) == old
    await heartbeat(old)


async def test_a_device_that_leaves_is_refused_from_then_on(cloud: Cloud, tmp_path: Path) -> None:
    identity = await cloud.enrolled(tmp_path / "device")
    assert await disenrol(tmp_path / "device") == "one"
    assert Identity.load(tmp_path / "device") is None
    assert not list((tmp_path / "device").rglob("key.pem"))
    with pytest.raises(grpc.aio.AioRpcError, match="has disenrolled"):
        await heartbeat(identity)
    with pytest.raises(NotEnrolled):
        await disenrol(tmp_path / "device")


async def test_a_revoked_device_can_still_forget_its_identity(cloud: Cloud, tmp_path: Path) -> None:
    identity = await cloud.enrolled(tmp_path / "device")
    await cloud.devices.revoke(identity.device_id, Revocation.EVICTED)
    assert await disenrol(tmp_path / "device") == "one"
    assert Identity.load(tmp_path / "device") is None


async def test_without_the_cloud_a_device_cannot_leave_and_stays_what_it_is(cloud: Cloud, tmp_path: Path) -> None:
    """Else the cloud would keep a member that nobody is any more."""
    identity = await cloud.enrolled(tmp_path / "device")
    await cloud.servers.stop(0)
    with pytest.raises(CloudUnreachable):
        await disenrol(tmp_path / "device")
    assert Identity.load(tmp_path / "device") == identity


async def test_a_damaged_identity_can_be_replaced_and_not_overlooked(cloud: Cloud, tmp_path: Path) -> None:
    await cloud.enrolled(tmp_path / "device")
    (tmp_path / "device" / "identity" / "current" / "key.pem").unlink()
    text = (await cloud.url()).text()
    with pytest.raises(IdentityDamaged):
        await enrol(text, tmp_path / "device")
    await heartbeat(await enrol(text, tmp_path / "device", replace=True))


async def test_an_evicted_device_may_come_back_and_a_banned_one_may_not(cloud: Cloud, tmp_path: Path) -> None:
    """The ban is on the serial number in its realm, and is lifted by evicting instead."""
    first = await cloud.enrolled(tmp_path / "a")
    await cloud.devices.revoke(first.device_id, Revocation.EVICTED)
    second = await cloud.enrolled(tmp_path / "b")
    await cloud.devices.revoke(second.device_id, Revocation.BANNED)
    with pytest.raises(DeclinedByCloud, match="banned") as raised:
        await cloud.enrolled(tmp_path / "c")
    assert raised.value.reason == Reason.DEVICE_REVOKED
    await cloud.enrolled(tmp_path / "d", OTHER_REALM)
    await cloud.devices.revoke(second.device_id, Revocation.EVICTED)
    await cloud.enrolled(tmp_path / "e")


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_a_wrong_clock_is_named_with_both_times(cloud: Cloud, tmp_path: Path, minutes: int) -> None:
    def wrong() -> datetime:
        return datetime.now(UTC) + timedelta(minutes=minutes)

    url = await cloud.url()
    with pytest.raises(ClockWrong, match=r"the device's clock says 2.*Z, the cloud's says 2.*Z"):
        await enrol(url.text(), tmp_path / "device", clock=wrong)
    await enrol(url.text(), tmp_path / "device")


async def test_a_clock_beyond_any_certificate_is_named_before_anything_is_sent(cloud: Cloud, tmp_path: Path) -> None:
    url = await cloud.url()
    with pytest.raises(ClockWrong, match="1999-12-31"):
        await enrol(url.text(), tmp_path / "device", clock=lambda: datetime(1999, 12, 31, tzinfo=UTC))


async def test_a_closed_port_is_told_as_such(tmp_path: Path, unused_tcp_port: int) -> None:
    token = "abcdefABCDEF." + "A" * 43
    text = f"atp://127.0.0.1:{unused_tcp_port}/enroll#pin={'A' * 43}&token={token}"
    with pytest.raises(CloudUnreachable, match=f"no answer from 127.0.0.1:{unused_tcp_port}"):
        await enrol(text, tmp_path / "device")


async def test_half_an_url_is_told_as_such_and_its_token_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(NotAUrl) as raised:
        await enrol("atp://localhost:8443/enroll#pin=" + "A" * 43, tmp_path / "device")
    assert "quote the URL" in raised.value.sentence
    assert "AAAA" not in raised.value.sentence
