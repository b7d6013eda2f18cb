"""Two hundred devices with one token, at once, through two processes' worth of cloud: one wins."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from atp.v1 import enrollment_pb2
from atp.v1.enrollment_pb2_grpc import EnrollmentServiceStub
from cloud.storage.engine import Database
from device.enrollment.channels import to_enrolment_port
from device.enrollment.keys import new_key_pem, request_for
from tests.enrolling import REALM, Cloud, OwnClock, open_database, running, wire


def request(token: str, key_pem: bytes) -> enrollment_pb2.EnrollRequest:
    told = enrollment_pb2.EnrollRequest(token=token, csr_der=request_for(key_pem), serial="SN1")
    told.device_time.FromDatetime(datetime.now(UTC))
    return told


async def outcome(channel: grpc.aio.Channel, asked: enrollment_pb2.EnrollRequest) -> str:
    """The device id that Enroll gives, or the reason why not."""
    try:
        answer: enrollment_pb2.EnrollResponse = await EnrollmentServiceStub(channel).Enroll(asked, timeout=60)
    except grpc.aio.AioRpcError as error:
        status = rpc_status.from_call(error)
        info = ErrorInfo()
        assert status is not None
        assert status.details[0].Unpack(info)
        return str(info.reason)
    return answer.identity.device_id


def to(cloud: Cloud) -> grpc.aio.Channel:
    return to_enrolment_port(f"localhost:{cloud.ports.enrolment}", [cloud.authority.root])


@pytest.mark.parametrize("same_key", [False, True])
async def test_a_token_raced_two_hundred_times_has_one_winner(tmp_path: Path, *, same_key: bool) -> None:
    """With one key for all, it is one device that asks again: then all get its answer."""
    database = await open_database(tmp_path)
    second = Database.open_sqlite(tmp_path / "cloud.db")
    keys = [new_key_pem()] * 200 if same_key else [new_key_pem() for _ in range(200)]
    try:
        async with (
            running(wire(database, tmp_path, OwnClock())) as one,
            running(wire(second, tmp_path, OwnClock())) as two,
            to(one) as to_one,
            to(two) as to_two,
        ):
            token = (await one.url()).token.text()
            asked = [
                outcome((to_one, to_two)[number % 2], request(token, key_pem)) for number, key_pem in enumerate(keys)
            ]
            found = Counter(await asyncio.gather(*asked))
            await one.devices.load()
            (device,) = one.devices.list(REALM)
            assert found == ({device.id: 200} if same_key else {device.id: 1, "TOKEN_REFUSED": 199})
            assert await one.audit.first_broken() is None
    finally:
        await second.close()
        await database.close()
