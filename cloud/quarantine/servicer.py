"""QuarantineService: the stream of a message and the settling of its attempt, as the wire has them."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any, Final

from atp.reasons import Reason as WireReason
from atp.v1 import quarantine_pb2 as wire
from atp.v1.quarantine_pb2_grpc import QuarantineServiceServicer
from cloud.errors import InvalidRequest, TooSlow
from cloud.quarantine.held import Outcome
from cloud.quarantine.reception import Receipt, Reception
from cloud.rpc import validation
from cloud.rpc.caller import caller
from cloud.rpc.validation import InvalidField

_OUTCOMES: Final = {
    wire.SETTLE_OUTCOME_ACCEPTED: Outcome.ACCEPTED,
    wire.SETTLE_OUTCOME_REFUSED: Outcome.REFUSED,
}
_REPLY_CODE: Final = re.compile(r"[2-5][0-9]{2}(?:[ -][245]\.[0-9]{1,3}\.[0-9]{1,3})?")


class QuarantineServicer(QuarantineServiceServicer):
    """For the devices."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    async def StoreMessage(  # noqa: N802 - the wire's name
        self,
        request_iterator: AsyncIterator[wire.StoreMessageRequest],
        context: Any,  # noqa: ARG002 - gRPC's signature
    ) -> wire.StoreMessageResponse:
        device = caller()
        limits = self._reception.limits
        try:
            async with asyncio.timeout(limits.seconds):
                manifest = await _manifest(request_iterator)
                chunks = _chunks(request_iterator, limits.chunk_bytes)
                return _response(await self._reception.store(device, manifest, chunks))
        except TimeoutError:
            raise TooSlow(
                f"the message did not come within {limits.seconds:.0f} seconds", reason=WireReason.OUT_OF_RESOURCES
            ) from None

    async def SettleMessage(  # noqa: N802 - the wire's name
        self,
        request: wire.SettleMessageRequest,
        context: Any,  # noqa: ARG002 - gRPC's signature
    ) -> wire.SettleMessageResponse:
        outcome = _OUTCOMES.get(request.outcome)
        if outcome is None:
            raise InvalidField("outcome", "accepted or refused is expected")
        message_id = validation.identifier("message_id", request.message_id)
        attempt_id = validation.identifier("attempt_id", request.attempt_id)
        await self._reception.settle(caller(), message_id, attempt_id, outcome, _reply_code(request.reply))
        return wire.SettleMessageResponse()


async def _manifest(stream: AsyncIterator[wire.StoreMessageRequest]) -> wire.MessageManifest:
    first = await anext(stream, None)
    if first is None or first.WhichOneof("part") != "manifest":
        raise InvalidRequest("the manifest comes first", next_step="Send the manifest, then the message's bytes.")
    return first.manifest


async def _chunks(stream: AsyncIterator[wire.StoreMessageRequest], most: int) -> AsyncIterator[bytes]:
    async for request in stream:
        if request.WhichOneof("part") != "chunk":
            raise InvalidRequest("after the manifest, chunks alone are expected")
        yield validation.data("chunk", request.chunk, longest=most)


def _response(receipt: Receipt) -> wire.StoreMessageResponse:
    return wire.StoreMessageResponse(
        message_id=receipt.message_id,
        attempt_id=receipt.attempt_id,
        replacement=wire.ReplacementMessage(mail_from=receipt.mail_from.encode(), content=receipt.replacement),
    )


def _reply_code(reply: str) -> str:
    """Reply code and enhanced status code: the text after them is the server's, and may quote the message."""
    found = _REPLY_CODE.match(reply)
    return found[0] if found else ""
