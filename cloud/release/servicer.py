"""ReleaseService: a device shows a pass that it has verified, leases one use, and says what the mail server said."""

import re
from typing import Any, Final

import structlog

from atp.v1 import release_pb2, release_pb2_grpc
from cloud.clock import Clock, NewId
from cloud.errors import InvalidRequest
from cloud.rpc.caller import caller
from cloud.storage.passes import PassStore, Redemption

_REQUEST_ID: Final = re.compile(r"[!-~]{1,64}")
_DIGEST_BYTES: Final = 32
_LONGEST_PATH: Final = 1024

_log = structlog.get_logger()


class ReleaseServicer(release_pb2_grpc.ReleaseServiceServicer):
    """Leases of passes, for the calling device alone."""

    def __init__(self, passes: PassStore, clock: Clock, new_id: NewId) -> None:
        self._passes = passes
        self._clock = clock
        self._new_id = new_id

    async def RedeemPass(  # noqa: N802 - the wire's name
        self,
        request: release_pb2.RedeemPassRequest,
        context: Any,  # noqa: ARG002 - gRPC's signature
    ) -> release_pb2.RedeemPassResponse:
        """Lease one use. Errors: PASS_SPENT, PASS_LEASED, PASS_REVOKED, NOT_FOUND."""
        device = caller()
        _check(request)
        asked = Redemption(
            device.realm_id,
            device.device_id,
            request.pass_id,
            request.digest,
            request.recipient,
            request.request_id,
        )
        lease = await self._passes.redeem(asked, self._new_id("lease"), self._clock())
        _log.info(
            "pass.leased", realm=device.realm_id, device=device.device_id, pass_id=request.pass_id, left=lease.left
        )
        return release_pb2.RedeemPassResponse(lease_id=lease.id, redemptions_left=lease.left)

    async def SettlePass(  # noqa: N802 - the wire's name
        self,
        request: release_pb2.SettlePassRequest,
        context: Any,  # noqa: ARG002 - gRPC's signature
    ) -> release_pb2.SettlePassResponse:
        """Spend the use or return it. Errors: NOT_FOUND."""
        device = caller()
        await self._passes.settle(
            device.realm_id, device.device_id, request.lease_id, self._clock(), spent=request.spent
        )
        _log.info("pass.settled", realm=device.realm_id, device=device.device_id, spent=request.spent)
        return release_pb2.SettlePassResponse()


def _check(request: release_pb2.RedeemPassRequest) -> None:
    if _REQUEST_ID.fullmatch(request.request_id) is None:
        raise InvalidRequest("request_id has 1 to 64 visible ASCII characters")
    if len(request.digest) != _DIGEST_BYTES:
        raise InvalidRequest("digest has 32 bytes")
    if not 0 < len(request.recipient) <= _LONGEST_PATH:
        raise InvalidRequest("recipient has 1 to 1024 bytes")
