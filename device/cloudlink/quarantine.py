"""Storing a message in the cloud, and telling it what became of the replacement."""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import structlog

from atp.v1 import quarantine_pb2
from device.cloudlink.channel import CHUNK_BYTES, PASSING, CloudChannel, Stubs, tried_again
from device.cloudlink.faults import CloudFault
from device.smtp.reply import Reply

log = structlog.get_logger()

_STORE_SECONDS: Final = 60.0
_STORE_BYTES_A_SECOND: Final = 64 * 1024
"""A slow line's worth: a store may take a minute, and so much longer the larger its message is."""

_STORE_PAUSES: Final = (0.3, 1.0, 2.0, 4.0)
_SETTLE_SECONDS: Final = 10.0
_SETTLE_PAUSES: Final = (0.5, 2.0, 8.0, 30.0)
"""Settling is worth patience: nobody waits for it, and an entry that is never settled stays held."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The cloud has the message on disk, and this is what to send in its place."""

    message_id: str
    attempt_id: str
    mail_from: bytes
    replacement: bytes


class QuarantineLink:
    """The quarantine service, as the device needs it."""

    def __init__(self, channel: CloudChannel) -> None:
        self._channel = channel

    async def store(self, manifest: quarantine_pb2.MessageManifest, content: Iterable[bytes]) -> Receipt:
        """Store a message. Raises CloudFault; the manifest's request id makes a retry the same attempt."""

        async def store(stubs: Stubs) -> quarantine_pb2.StoreMessageResponse:
            seconds = _STORE_SECONDS + manifest.size / _STORE_BYTES_A_SECOND
            return await stubs.quarantine.StoreMessage(_requests(manifest, content), timeout=seconds)

        answer = await tried_again(store, self._channel, _STORE_PAUSES)
        return Receipt(answer.message_id, answer.attempt_id, answer.replacement.mail_from, answer.replacement.content)

    async def settle(self, receipt: Receipt, reply: Reply | None, *, accepted: bool) -> None:
        """Say what the mail server said. Never raises: what cannot be told is logged, and the entry stays held."""
        request = quarantine_pb2.SettleMessageRequest(
            message_id=receipt.message_id,
            attempt_id=receipt.attempt_id,
            outcome=quarantine_pb2.SETTLE_OUTCOME_ACCEPTED if accepted else quarantine_pb2.SETTLE_OUTCOME_REFUSED,
            reply="" if reply is None else _first_line(reply),
        )

        async def settle(stubs: Stubs) -> None:
            await stubs.quarantine.SettleMessage(request, timeout=_SETTLE_SECONDS)

        try:
            await tried_again(settle, self._channel, _SETTLE_PAUSES, after=PASSING)
        except CloudFault as fault:
            log.warning("quarantine.not-settled", message_id=receipt.message_id, reason=fault.reason)


async def _requests(
    manifest: quarantine_pb2.MessageManifest, content: Iterable[bytes]
) -> AsyncIterator[quarantine_pb2.StoreMessageRequest]:
    yield quarantine_pb2.StoreMessageRequest(manifest=manifest)
    for chunk in content:
        for piece in _pieces(chunk):
            yield quarantine_pb2.StoreMessageRequest(chunk=piece)


def _pieces(chunk: bytes) -> Iterator[bytes]:
    return (chunk[start : start + CHUNK_BYTES] for start in range(0, len(chunk), CHUNK_BYTES))


def _first_line(reply: Reply) -> str:
    """Code and first line, as text that fits a column."""
    text = reply.lines[0].decode("utf-8", "replace") if reply.lines else ""
    return f"{reply.code} {text}"[:500]
