"""What can go wrong between device and cloud, as the device's rooms need to tell it apart.

CloudFault        a call failed; `reason` is ErrorInfo's, or the gRPC code's name where the far side gave none
├── CloudAway     nobody answers: not enrolled, no network, shutting down, a certificate that TLS refuses
├── TooSlow       the deadline passed
├── OutOfRoom     memory, disk or queue limit over there
└── Declined      the cloud understood and said no; trying again changes nothing
"""

from typing import Final

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from atp.reasons import DOMAIN, Reason


class CloudFault(Exception):
    """A call to the cloud failed."""

    def __init__(self, reason: str, sentence: str = "") -> None:
        super().__init__(f"{reason}: {sentence}" if sentence else reason)
        self.reason = reason


class CloudAway(CloudFault):
    """Nobody answers."""


class TooSlow(CloudFault):
    """The answer did not come in time."""


class OutOfRoom(CloudFault):
    """The cloud has no room for it now."""


class Declined(CloudFault):
    """The cloud said no."""


_BY_CODE: Final[dict[grpc.StatusCode, type[CloudFault]]] = {
    grpc.StatusCode.UNAVAILABLE: CloudAway,
    grpc.StatusCode.UNAUTHENTICATED: CloudAway,
    grpc.StatusCode.UNIMPLEMENTED: CloudAway,
    grpc.StatusCode.INTERNAL: CloudAway,
    grpc.StatusCode.UNKNOWN: CloudAway,
    grpc.StatusCode.CANCELLED: CloudAway,
    grpc.StatusCode.DEADLINE_EXCEEDED: TooSlow,
    grpc.StatusCode.RESOURCE_EXHAUSTED: OutOfRoom,
}


def fault_of(error: grpc.aio.AioRpcError) -> CloudFault:
    """The fault that an RPC error stands for; anything unlisted was declined."""
    reason, sentence = _reason_of(error)
    kind = _BY_CODE.get(error.code(), Declined)
    if reason in _AWAY_REASONS:
        kind = CloudAway
    return kind(reason, sentence)


_AWAY_REASONS: Final = frozenset(
    {
        Reason.CERTIFICATE_REQUIRED,
        Reason.CERTIFICATE_REFUSED,
        Reason.CERTIFICATE_EXPIRED,
        Reason.CERTIFICATE_NOT_YET_VALID,
        Reason.GENERATION_MISMATCH,
        Reason.DEVICE_REVOKED,
        Reason.DEVICE_DISENROLLED,
        Reason.CALL_NOT_ALLOWED,
        Reason.SHUTTING_DOWN,
    }
)
"""The device is not, or no longer, a member: to mail this is the same as a cloud that is away."""


def _reason_of(error: grpc.aio.AioRpcError) -> tuple[str, str]:
    """ErrorInfo's reason and the status' sentence; the code's name where the status has no details of ours."""
    status = rpc_status.from_call(error)
    details = () if status is None else status.details
    for detail in details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN:
            return info.reason, error.details() or ""
    return error.code().name, error.details() or ""
