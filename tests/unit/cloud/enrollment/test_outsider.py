"""Diagnose and Recover: what a device can do when mutual TLS does not even begin."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from atp.proofs import diagnose_proof
from atp.reasons import Reason
from atp.v1 import enrollment_pb2
from atp.v1.enrollment_pb2_grpc import EnrollmentServiceStub
from cloud.enrollment.revocation import Revocation
from cloud.rpc.rates import PeerRates
from device.enrollment.channels import outside
from device.enrollment.diagnosis import diagnose
from device.enrollment.identity import Identity
from device.enrollment.keys import new_key_pem, proof
from device.enrollment.renewal import recovered, renewed
from device.errors import DeclinedByCloud
from tests.enrolling import Cloud, OwnClock, cloud_in, open_database, running, use, wire


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with cloud_in(tmp_path) as running_cloud:
        yield running_cloud


@pytest.fixture
async def identity(cloud: Cloud, tmp_path: Path) -> Identity:
    return await cloud.enrolled(tmp_path / "device")


async def told(identity: Identity, cloud: Cloud) -> str:
    """The reason that Diagnose gives; empty: usable."""
    found = await diagnose(identity, cloud.clock)
    return "" if found is None else found.reason


async def reason_of(call: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    status = rpc_status.from_call(raised.value)
    info = ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    return str(info.reason)


async def test_diagnose_finds_nothing_where_nothing_is_wrong(identity: Identity, cloud: Cloud) -> None:
    assert await told(identity, cloud) == ""


async def test_diagnose_tells_expiry(identity: Identity, cloud: Cloud) -> None:
    cloud.clock.forward(days=8)
    assert await told(identity, cloud) == Reason.CERTIFICATE_EXPIRED


async def test_diagnose_tells_revocation_and_what_to_do(identity: Identity, cloud: Cloud) -> None:
    await cloud.devices.revoke(identity.device_id, Revocation.BANNED)
    found = await diagnose(identity, cloud.clock)
    assert isinstance(found, DeclinedByCloud)
    assert found.reason == Reason.DEVICE_REVOKED
    assert found.sentence == "this device was banned by an administrator"
    assert "lift the ban" in found.next_step


async def test_diagnose_tells_an_old_generation_and_raises_no_alarm(identity: Identity, cloud: Cloud) -> None:
    await use(await renewed(identity, new_key_pem()))
    cloud.clock.forward(minutes=6)
    assert await told(identity, cloud) == Reason.GENERATION_MISMATCH
    assert await cloud.noted("device.cloned") == []


async def test_diagnose_answers_only_to_the_holder_of_the_key(identity: Identity) -> None:
    """Nobody learns about another's device by sending its certificate."""
    async with outside(identity) as channel:
        stub: Any = EnrollmentServiceStub(channel)
        nonce = (await stub.Challenge(enrollment_pb2.ChallengeRequest())).nonce
        certificate = identity.certificate.public_bytes(Encoding.DER)
        forged = proof(new_key_pem(), diagnose_proof(nonce))
        asked = enrollment_pb2.DiagnoseRequest(certificate_der=certificate, nonce=nonce, proof=forged)
        assert await reason_of(stub.Diagnose(asked)) == Reason.PROOF_REFUSED


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (enrollment_pb2.DiagnoseRequest(), Reason.INVALID_REQUEST),
        (
            enrollment_pb2.DiagnoseRequest(certificate_der=b"x", nonce=b"n", proof=b"p"),
            Reason.CERTIFICATE_REFUSED,
        ),
    ],
)
async def test_diagnose_refuses_what_is_no_certificate(
    identity: Identity, request_: enrollment_pb2.DiagnoseRequest, reason: Reason
) -> None:
    async with outside(identity) as channel:
        stub: Any = EnrollmentServiceStub(channel)
        assert await reason_of(stub.Diagnose(request_)) == reason


async def test_another_clouds_certificate_is_told_as_such(identity: Identity, cloud: Cloud, tmp_path: Path) -> None:
    async with cloud_in_other(tmp_path / "other") as other:
        stranger = await other.enrolled(tmp_path / "stranger")
    pointed_here = type(stranger)(
        **{
            **{name: getattr(stranger, name) for name in stranger.__slots__},
            "enrolment_endpoint": identity.enrolment_endpoint,
            "trust_bundle_pem": identity.trust_bundle_pem,
        }
    )
    assert await told(pointed_here, cloud) == Reason.CERTIFICATE_REFUSED


def cloud_in_other(folder: Path) -> Any:
    folder.mkdir()
    return cloud_in(folder)


async def test_an_expired_certificate_recovers_for_thirty_days(identity: Identity, cloud: Cloud) -> None:
    cloud.clock.forward(days=7 + 29)
    second = await recovered(identity, new_key_pem())
    assert (second.generation, second.name) == (2, identity.name)
    assert second.not_after > cloud.clock()
    (noted,) = await cloud.noted("device.recovered")
    assert noted["shown_generation"] == 1


async def refused(identity: Identity) -> str:
    with pytest.raises(DeclinedByCloud) as raised:
        await recovered(identity, new_key_pem())
    return raised.value.reason


async def test_after_thirty_days_recovery_is_refused(identity: Identity, cloud: Cloud) -> None:
    cloud.clock.forward(days=7 + 31)
    assert await refused(identity) == Reason.CERTIFICATE_EXPIRED


async def test_a_revoked_device_does_not_recover(identity: Identity, cloud: Cloud) -> None:
    await cloud.devices.revoke(identity.device_id, Revocation.EVICTED)
    cloud.clock.forward(days=10)
    assert await refused(identity) == Reason.DEVICE_REVOKED


async def test_an_old_generation_does_not_recover_and_raises_the_alarm(identity: Identity, cloud: Cloud) -> None:
    await use(await renewed(identity, new_key_pem()))
    cloud.clock.forward(days=10)
    assert await refused(identity) == Reason.GENERATION_MISMATCH
    assert len(await cloud.noted("device.cloned")) == 1


async def test_a_renewal_whose_answer_was_lost_for_good_still_recovers(identity: Identity, cloud: Cloud) -> None:
    await renewed(identity, new_key_pem())
    cloud.clock.forward(days=10)
    assert (await recovered(identity, new_key_pem())).generation == 3


async def test_one_address_cannot_flood_the_enrolment_port(tmp_path: Path) -> None:
    database = await open_database(tmp_path)
    cloud = wire(database, tmp_path, OwnClock(), rates=lambda clock: PeerRates(clock, burst=3, per_second=0.001))
    async with running(cloud):
        identity = await cloud.enrolled(tmp_path / "device")
        async with outside(identity) as channel:
            stub: Any = EnrollmentServiceStub(channel)
            bundle = await stub.GetTrustBundle(enrollment_pb2.GetTrustBundleRequest())
            assert list(bundle.roots_der) == [cloud.authority.root.public_bytes(Encoding.DER)]
            assert len(bundle.intermediates_der) == 2
            await stub.Challenge(enrollment_pb2.ChallengeRequest())
            assert await reason_of(stub.Challenge(enrollment_pb2.ChallengeRequest())) == Reason.RATE_LIMITED
    await database.close()


@pytest.mark.parametrize(
    "change",
    [{"serial": ""}, {"serial": "x" * 65}, {"serial": "a\nb"}, {"licences": ["x"] * 33}, {"model": "\x1b[2J"}],
)
async def test_enroll_refuses_what_is_out_of_shape(identity: Identity, change: dict[str, Any]) -> None:
    asked = enrollment_pb2.EnrollRequest(**{"token": "t", "csr_der": b"c", "serial": "SN1", **change})
    asked.device_time.FromDatetime(datetime.now(UTC))
    async with outside(identity) as channel:
        stub: Any = EnrollmentServiceStub(channel)
        assert await reason_of(stub.Enroll(asked)) == Reason.INVALID_REQUEST
