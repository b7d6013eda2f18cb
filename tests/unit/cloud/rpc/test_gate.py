"""The gate: who is let in, what they are told, and when they have to leave. Real servers, real TLS."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import structlog
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from atp.reasons import Reason
from atp.v1 import device_pb2, inspection_pb2, inspection_pb2_grpc, policy_pb2, policy_pb2_grpc, telemetry_pb2
from atp.v1.device_pb2_grpc import DeviceServiceStub
from atp.v1.telemetry_pb2_grpc import TelemetryServiceServicer, TelemetryServiceStub
from cloud.clock import random_id
from cloud.enrollment.revocation import Revocation
from cloud.errors import NotFound, OutOfResources
from cloud.rpc.caller import caller
from cloud.rpc.gate import Gate
from cloud.rpc.server import RpcAddresses, RpcServers
from device.enrollment.channels import as_device
from device.enrollment.identity import Identity
from tests.enrolling import OTHER_REALM, REALM, Cloud, cloud_in


class Inspection(inspection_pb2_grpc.InspectionServiceServicer):
    """Answers as the request's first digest says, and with who called."""

    def __init__(self) -> None:
        self.receiving = asyncio.Event()

    async def LookupVerdicts(  # noqa: N802 - the wire's name
        self,
        request: inspection_pb2.LookupVerdictsRequest,
        context: Any,  # noqa: ARG002 - gRPC's signature
    ) -> Any:
        match request.sha256[0]:
            case b"unknown":
                raise NotFound("there is no such verdict")
            case b"full":
                raise OutOfResources("no room")
            case b"broken":
                raise ZeroDivisionError("the secret of the house")
            case b"slow":
                raise TimeoutError
        return inspection_pb2.LookupVerdictsResponse(rule_set=f"{caller().realm_id} {caller().device_id}")

    async def SubmitFile(self, request_iterator: Any, context: Any) -> Any:  # noqa: ARG002, N802 - gRPC's signature
        count = 0
        async for _ in request_iterator:
            count += 1
            self.receiving.set()
        verdict = inspection_pb2.Verdict(rule_set=f"{count} of {caller().device_id}")
        return inspection_pb2.SubmitFileResponse(verdict=verdict)


class Policy(policy_pb2_grpc.PolicyServiceServicer):
    """Says once who watches, then waits."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def WatchPolicy(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: ARG002, N802 - gRPC's
        try:
            yield policy_pb2.WatchPolicyResponse(current=policy_pb2.PolicyCurrent(revision=caller().generation))
            await asyncio.Event().wait()
        finally:
            self.ended.set()


class Telemetry(TelemetryServiceServicer):
    """Listens for as long as the device talks."""

    async def Report(self, request_iterator: Any, context: Any) -> Any:  # noqa: ARG002, N802 - gRPC's signature
        async for _ in request_iterator:
            pass
        raise NotFound("nothing was said")


@pytest.fixture
async def policy() -> Policy:
    return Policy()


@pytest.fixture
async def inspection() -> Inspection:
    return Inspection()


@pytest.fixture
async def cloud(tmp_path: Path, policy: Policy, inspection: Inspection) -> AsyncIterator[Cloud]:
    async with cloud_in(tmp_path, (inspection, policy, Telemetry())) as running:
        yield running


async def reason_of(call: Awaitable[object]) -> str:
    """The reason with which the call is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    status = rpc_status.from_call(raised.value)
    assert status is not None, raised.value
    info = ErrorInfo()
    assert status.details[0].Unpack(info)
    return str(info.reason)


def look_up(channel: grpc.aio.Channel, digest: bytes = b"?") -> Awaitable[inspection_pb2.LookupVerdictsResponse]:
    stub: Any = inspection_pb2_grpc.InspectionServiceStub(channel)
    answer: Awaitable[inspection_pb2.LookupVerdictsResponse] = stub.LookupVerdicts(
        inspection_pb2.LookupVerdictsRequest(sha256=[digest]), timeout=10
    )
    return answer


@asynccontextmanager
async def watching(channel: grpc.aio.Channel) -> AsyncIterator[Any]:
    """A policy watch that has had its first answer."""
    call: Any = policy_pb2_grpc.PolicyServiceStub(channel).WatchPolicy(policy_pb2.WatchPolicyRequest())
    await call.read()
    yield call


async def test_the_caller_is_who_the_certificate_says(cloud: Cloud, tmp_path: Path) -> None:
    for realm in (REALM, OTHER_REALM):
        identity = await cloud.enrolled(tmp_path / realm, realm)
        async with as_device(identity) as channel:
            assert (await look_up(channel)).rule_set == f"{realm} {identity.device_id}"
            chunks = [inspection_pb2.SubmitFileRequest(chunk=b"x")] * 3
            stub: Any = inspection_pb2_grpc.InspectionServiceStub(channel)
            assert (await stub.SubmitFile(iter(chunks), timeout=10)).verdict.rule_set == f"3 of {identity.device_id}"


@pytest.mark.parametrize(
    ("digest", "reason"),
    [(b"unknown", Reason.NOT_FOUND), (b"full", Reason.OUT_OF_RESOURCES), (b"slow", Reason.INTERNAL)],
)
async def test_errors_have_their_reason(cloud: Cloud, tmp_path: Path, digest: bytes, reason: Reason) -> None:
    async with as_device(await cloud.enrolled(tmp_path / "d")) as channel:
        assert await reason_of(look_up(channel, digest)) == reason


async def test_a_fault_of_ours_tells_nothing_but_an_id_that_the_log_has(cloud: Cloud, tmp_path: Path) -> None:
    async with as_device(await cloud.enrolled(tmp_path / "d")) as channel:
        with structlog.testing.capture_logs() as logs, pytest.raises(grpc.aio.AioRpcError) as raised:
            await look_up(channel, b"broken")
    (failed,) = [entry for entry in logs if entry["event"] == "rpc.failed"]
    assert failed["incident"] in str(raised.value.details())
    assert "secret of the house" not in str(raised.value)


async def test_an_error_of_a_call_in_pieces_has_its_reason_too(cloud: Cloud, tmp_path: Path) -> None:
    async with as_device(await cloud.enrolled(tmp_path / "d")) as channel:
        call: Any = TelemetryServiceStub(channel).Report(iter([telemetry_pb2.ReportRequest()]), timeout=10)
        assert await reason_of(call) == Reason.NOT_FOUND


async def test_a_revoked_device_is_cut_off_within_a_second(cloud: Cloud, tmp_path: Path, policy: Policy) -> None:
    """Its next call is refused, its live call ends with the reason, the call's own cleaning up runs; others go on."""
    revoked = await cloud.enrolled(tmp_path / "revoked")
    other = await cloud.enrolled(tmp_path / "other", serial="SN2")
    async with (
        as_device(revoked) as channel,
        as_device(other) as others,
        watching(channel) as call,
        watching(others) as untouched,
    ):
        await cloud.devices.revoke(revoked.device_id, Revocation.EVICTED)
        async with asyncio.timeout(1):
            assert await reason_of(call.read()) == Reason.DEVICE_REVOKED
            await policy.ended.wait()
        assert await reason_of(look_up(channel)) == Reason.DEVICE_REVOKED
        await look_up(others)
        assert not untouched.done()


async def test_a_device_that_leaves_gets_its_answer_and_its_other_calls_end(cloud: Cloud, tmp_path: Path) -> None:
    async with as_device(await cloud.enrolled(tmp_path / "d")) as channel, watching(channel) as call:
        stub: Any = DeviceServiceStub(channel)
        await stub.Disenroll(device_pb2.DisenrollRequest(), timeout=10)
        assert await reason_of(call.read()) == Reason.DEVICE_DISENROLLED
        assert await reason_of(look_up(channel)) == Reason.DEVICE_DISENROLLED


async def test_a_revocation_that_another_replica_made_ends_live_calls(cloud: Cloud, tmp_path: Path) -> None:
    identity = await cloud.enrolled(tmp_path / "d")
    async with as_device(identity) as channel, watching(channel) as call:
        async with cloud.database.writing() as connection:
            await connection.exec_driver_sql("UPDATE devices SET state = 'banned'")
        await cloud.devices.load()
        assert await reason_of(call.read()) == Reason.DEVICE_REVOKED


async def test_expiry_is_judged_by_our_clock_on_every_call(cloud: Cloud, tmp_path: Path) -> None:
    async with as_device(await cloud.enrolled(tmp_path / "d")) as channel:
        await look_up(channel)
        cloud.clock.forward(days=8)
        assert await reason_of(look_up(channel)) == Reason.CERTIFICATE_EXPIRED
        cloud.clock.forward(days=-9)
        assert await reason_of(look_up(channel)) == Reason.CERTIFICATE_NOT_YET_VALID


async def test_a_live_call_does_not_outlive_its_certificate(cloud: Cloud, tmp_path: Path) -> None:
    identity = await cloud.enrolled(tmp_path / "d")
    cloud.clock.offset = identity.not_after - cloud.clock() - timedelta(milliseconds=300)
    async with as_device(identity) as channel, watching(channel) as call, asyncio.timeout(5):
        assert await reason_of(call.read()) == Reason.CERTIFICATE_EXPIRED


async def test_a_stop_ends_those_that_wait_for_news_and_lets_work_finish(
    cloud: Cloud, tmp_path: Path, inspection: Inspection
) -> None:
    """A watch learns at once that the service goes down; an upload under way gets its answer."""
    async with as_device(await cloud.enrolled(tmp_path / "d")) as channel, watching(channel) as watch:
        upload: Any = inspection_pb2_grpc.InspectionServiceStub(channel).SubmitFile()
        await upload.write(inspection_pb2.SubmitFileRequest(chunk=b"x"))
        await inspection.receiving.wait()
        async with asyncio.TaskGroup() as tasks:
            stopping = tasks.create_task(cloud.servers.stop(20))
            assert await reason_of(watch.read()) == Reason.SHUTTING_DOWN
            assert not stopping.done()
            await upload.done_writing()
            assert (await upload).verdict.rule_set.startswith("1 of ")


async def test_a_method_without_a_rule_is_refused_to_everyone(cloud: Cloud, tmp_path: Path) -> None:
    identity = await cloud.enrolled(tmp_path / "d")
    gate = Gate(cloud.admission, cloud.live, cloud.clock, random_id, rules={})
    servers = RpcServers(gate, cloud.enrolment_door(), cloud.device_door(Inspection(), Policy()))
    ports = await servers.start(RpcAddresses("127.0.0.1:0", "127.0.0.1:0"))
    async with grpc.aio.secure_channel(f"localhost:{ports.device}", identity.channel_credentials()) as channel:
        assert await reason_of(look_up(channel)) == Reason.CALL_NOT_ALLOWED
        watch: Any = policy_pb2_grpc.PolicyServiceStub(channel).WatchPolicy(policy_pb2.WatchPolicyRequest())
        assert await reason_of(watch.read()) == Reason.CALL_NOT_ALLOWED
    await servers.stop(0)


async def test_a_device_call_without_a_certificate_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    """Even if a device service stood on a port that asks for none."""
    identity = await cloud.enrolled(tmp_path / "d")
    gate = Gate(cloud.admission, cloud.live, cloud.clock, random_id)
    open_door = cloud.enrolment_door(Inspection())
    servers = RpcServers(gate, open_door, cloud.device_door())
    ports = await servers.start(RpcAddresses("127.0.0.1:0", "127.0.0.1:0"))
    roots = grpc.ssl_channel_credentials(identity.trust_bundle_pem)
    async with grpc.aio.secure_channel(f"localhost:{ports.enrolment}", roots) as channel:
        assert await reason_of(look_up(channel)) == Reason.CERTIFICATE_REQUIRED
    await servers.stop(0)


async def test_each_port_shows_its_own_services_and_their_health(cloud: Cloud, tmp_path: Path) -> None:
    """The enrolment port knows nothing of the others."""
    identity = await cloud.enrolled(tmp_path / "d")
    assert await services(identity, cloud.ports.device) >= {"atp.v1.PolicyService", "atp.v1.DeviceService"}
    seen = await services(identity, cloud.ports.enrolment)
    assert {name for name in seen if name.startswith("atp")} == {"atp.v1.EnrollmentService"}
    async with grpc.aio.secure_channel(f"localhost:{cloud.ports.device}", identity.channel_credentials()) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service="atp.v1.PolicyService"), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        unknown: Any = channel.unary_unary("/atp.v1.PolicyService/Nothing")
        with pytest.raises(grpc.aio.AioRpcError, match="UNIMPLEMENTED"):
            await unknown(b"", timeout=10)


async def services(identity: Identity, port: int) -> set[str]:
    """What reflection lists on that port."""
    async with grpc.aio.secure_channel(f"localhost:{port}", identity.channel_credentials()) as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
        answer = await anext(aiter(stub.ServerReflectionInfo(iter(asked), timeout=10)))
        return {service.name for service in answer.list_services_response.service}


async def test_a_message_beyond_the_limit_is_refused_and_the_connection_lives(cloud: Cloud, tmp_path: Path) -> None:
    async with as_device(await cloud.enrolled(tmp_path / "d")) as channel:
        with pytest.raises(grpc.aio.AioRpcError, match="RESOURCE_EXHAUSTED"):
            await look_up(channel, b"x" * 1024 * 1024)
        await look_up(channel)
