"""Redeeming release passes: one lease a use, so that a pass goes through once, wherever it is shown."""

from dataclasses import dataclass
from typing import Final

import structlog

from atp.reasons import Reason
from atp.release_pass import ReleasePass
from atp.v1 import release_pb2
from device.cloudlink.channel import PASSING, CloudChannel, Stubs, tried_again
from device.cloudlink.faults import CloudFault, Declined
from device.smtp.reply import Reply

log = structlog.get_logger()

_SECONDS: Final = 10.0
_PAUSES: Final = (0.2, 0.6)
_SETTLE_PAUSES: Final = (0.5, 2.0, 8.0, 30.0)
_NEVER: Final = frozenset({Reason.PASS_SPENT, Reason.PASS_REVOKED, Reason.NOT_FOUND, Reason.INVALID_REQUEST})


@dataclass(frozen=True, slots=True)
class Lease:
    """One use of a pass; `left` is how many devices further along may still use it."""

    id: str
    left: int


class PassLink:
    """The release service, as the device needs it."""

    def __init__(self, channel: CloudChannel) -> None:
        self._channel = channel

    async def redeem(self, claims: ReleasePass, request_id: str) -> Lease | None:
        """Lease one use; None: there is none left, and there never will be. Raises CloudFault where that can't be told now."""
        request = release_pb2.RedeemPassRequest(
            pass_id=claims.pass_id, digest=claims.digest, recipient=claims.recipient, request_id=request_id
        )

        async def redeem(stubs: Stubs) -> release_pb2.RedeemPassResponse:
            return await stubs.release.RedeemPass(request, timeout=_SECONDS)

        try:
            answer = await tried_again(redeem, self._channel, _PAUSES)
        except Declined as fault:
            if fault.reason in _NEVER:
                return None
            raise
        return Lease(answer.lease_id, answer.redemptions_left)

    async def settle(self, lease: Lease, reply: Reply | None) -> None:
        """Say what the mail server said. With no word at all the use counts as spent ten minutes later."""
        if reply is not None:
            text = reply.lines[0].decode("utf-8", "replace") if reply.lines else ""
            await self._tell(lease, f"{reply.code} {text}", spent=reply.positive)

    async def give_back(self, lease: Lease) -> None:
        """Nothing was sent: the use is free again."""
        await self._tell(lease, "", spent=False)

    async def _tell(self, lease: Lease, reply: str, *, spent: bool) -> None:
        """Never raises: what cannot be told is logged."""
        request = release_pb2.SettlePassRequest(lease_id=lease.id, spent=spent, reply=reply[:500])

        async def settle(stubs: Stubs) -> None:
            await stubs.release.SettlePass(request, timeout=_SECONDS)

        try:
            await tried_again(settle, self._channel, _SETTLE_PAUSES, after=PASSING)
        except CloudFault as fault:
            log.warning("pass.not-settled", reason=fault.reason)
