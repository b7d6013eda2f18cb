"""What the cloud answers is taken only if it holds together; what it refuses is told in its own words."""

from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from atp.reasons import DOMAIN, Reason
from atp.v1 import enrollment_pb2
from device.enrollment.answers import error_of, identity_of
from device.errors import ClockWrong, CloudNotTrusted, CloudUnreachable, DeclinedByCloud, EnrolmentError
from tests.enrolling import cloud_in


def failure(code: grpc.StatusCode, text: str, info: ErrorInfo | None = None) -> grpc.aio.AioRpcError:
    """What a call raises."""
    details = grpc.aio.Metadata()
    if info is not None:
        packed = AnyMessage()
        packed.Pack(info)
        status = Status(code=code.value[0], message=text, details=[packed])
        details = grpc.aio.Metadata(("grpc-status-details-bin", status.SerializeToString()))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), details, details=text)


OURS = ErrorInfo(reason=Reason.TOKEN_REFUSED, domain=DOMAIN, metadata={"next_step": "Make a new one."})
SKEW = ErrorInfo(reason=Reason.CLOCK_SKEW, domain=DOMAIN)
THEIRS = ErrorInfo(reason="TOKEN_REFUSED", domain="example.com", metadata={"next_step": "Pay."})


@pytest.mark.parametrize(
    ("error", "kind", "reason", "next_step"),
    [
        (failure(grpc.StatusCode.PERMISSION_DENIED, "no", OURS), DeclinedByCloud, "TOKEN_REFUSED", "Make a new one."),
        (failure(grpc.StatusCode.INVALID_ARGUMENT, "no", SKEW), ClockWrong, "CLOCK_WRONG", ""),
        (failure(grpc.StatusCode.UNAVAILABLE, "Socket closed"), CloudUnreachable, "CLOUD_UNREACHABLE", None),
        (failure(grpc.StatusCode.DEADLINE_EXCEEDED, ""), CloudUnreachable, "CLOUD_UNREACHABLE", None),
        (failure(grpc.StatusCode.UNIMPLEMENTED, ""), DeclinedByCloud, "UNIMPLEMENTED", ""),
        (failure(grpc.StatusCode.PERMISSION_DENIED, "no", THEIRS), DeclinedByCloud, "PERMISSION_DENIED", ""),
    ],
)
def test_a_failed_call_is_told_in_the_clouds_words_or_in_plain_ones(
    error: grpc.aio.AioRpcError, kind: type[EnrolmentError], reason: str, next_step: str | None
) -> None:
    meaning = error_of(error, "localhost:8443")
    assert (type(meaning), meaning.reason) == (kind, reason)
    assert next_step is None or meaning.next_step == next_step


async def test_an_answer_whose_parts_do_not_belong_together_is_not_taken(tmp_path: Path) -> None:
    async with cloud_in(tmp_path) as cloud:
        mine = await cloud.enrolled(tmp_path / "mine")
        other = await cloud.enrolled(tmp_path / "other")
        root = cloud.authority.root.public_bytes(Encoding.DER)
    told = enrollment_pb2.DeviceIdentity(
        device_id=mine.device_id,
        realm_id=mine.realm_id,
        authority=mine.authority,
        chain_der=[mine.certificate.public_bytes(Encoding.DER)],
        trust_bundle_der=[root],
    )

    def taken(answer: enrollment_pb2.DeviceIdentity, key_pem: bytes = mine.key_pem) -> str:
        return identity_of(answer, key_pem=key_pem, serial="SN1", enrolment_endpoint="localhost:1").device_id

    assert taken(told) == mine.device_id
    changes: tuple[dict[str, Any], ...] = (
        {"device_id": other.device_id},
        {"device_id": "../../etc"},
        {"realm_id": "realm_two"},
        {"authority": "UPPER"},
        {"chain_der": [b"junk"]},
        {"chain_der": []},
        {"trust_bundle_der": []},
        {"trust_bundle_der": [b"junk"]},
    )
    for change in changes:
        false = enrollment_pb2.DeviceIdentity()
        false.CopyFrom(told)
        for field in change:
            false.ClearField(field)  # type: ignore[arg-type]
        false.MergeFrom(enrollment_pb2.DeviceIdentity(**change))
        with pytest.raises(CloudNotTrusted):
            taken(false)
    with pytest.raises(CloudNotTrusted):
        taken(told, other.key_pem)
