"""The one channel to the cloud: mutual TLS, short back-off, and calls that are tried again where that can help.

To TLS every certificate problem looks like "Socket closed"; device.enrollment.diagnosis finds the true reason.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import grpc

from atp.reasons import Reason
from atp.v1.device_pb2_grpc import DeviceServiceStub
from atp.v1.inspection_pb2_grpc import InspectionServiceStub
from atp.v1.policy_pb2_grpc import PolicyServiceStub
from atp.v1.quarantine_pb2_grpc import QuarantineServiceStub
from atp.v1.release_pb2_grpc import ReleaseServiceStub
from atp.v1.telemetry_pb2_grpc import TelemetryServiceStub
from device.cloudlink.faults import CloudAway, CloudFault, OutOfRoom, TooSlow, fault_of
from device.enrollment.identity import Identity

if TYPE_CHECKING:  # the asynchronous stubs exist in the .pyi files alone
    from atp.v1.device_pb2_grpc import DeviceServiceAsyncStub
    from atp.v1.inspection_pb2_grpc import InspectionServiceAsyncStub
    from atp.v1.policy_pb2_grpc import PolicyServiceAsyncStub
    from atp.v1.quarantine_pb2_grpc import QuarantineServiceAsyncStub
    from atp.v1.release_pb2_grpc import ReleaseServiceAsyncStub
    from atp.v1.telemetry_pb2_grpc import TelemetryServiceAsyncStub

T = TypeVar("T")

CHUNK_BYTES: Final = 256 * 1024
"""What one message of an upload carries; measured: three times the rate of one large message."""

_OPTIONS: Final = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Despite its name this is also how long one attempt to connect may take: a slow line is no cloud that is away.
    ("grpc.min_reconnect_backoff_ms", 10_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", 2 * 1024 * 1024),
    # A renewed certificate needs a connection of its own, not a pooled one that shows the old.
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True, slots=True)
class Stubs:
    """The services of the device port."""

    device: "DeviceServiceAsyncStub"
    inspection: "InspectionServiceAsyncStub"
    policy: "PolicyServiceAsyncStub"
    quarantine: "QuarantineServiceAsyncStub"
    release: "ReleaseServiceAsyncStub"
    telemetry: "TelemetryServiceAsyncStub"


class CloudChannel:
    """The channel of the identity in force; without one, every call is CloudAway."""

    def __init__(self, identity: Identity | None) -> None:
        self._identity = identity
        self._channel: grpc.aio.Channel | None = None
        self._stubs: Stubs | None = None
        self._outdated: list[grpc.aio.Channel] = []

    @property
    def identity(self) -> Identity | None:
        """Who this device is; None: not enrolled."""
        return self._identity

    @property
    def stubs(self) -> Stubs:
        """The services, connected on first use. Raises CloudAway where the device is not enrolled."""
        if self._identity is None:
            raise CloudAway("NOT_ENROLLED", "this device is not enrolled")
        if self._stubs is None:
            self._channel = grpc.aio.secure_channel(
                self._identity.endpoint, self._identity.channel_credentials(), options=_OPTIONS
            )
            self._stubs = stubs_over(self._channel)
        return self._stubs

    def change(self, identity: Identity | None) -> None:
        """Be this identity from the next call on; calls under way end on the old channel."""
        self._identity = identity
        if self._channel is not None:
            self._outdated.append(self._channel)
        self._channel = None
        self._stubs = None

    async def close_outdated(self, grace_seconds: float) -> None:
        """End the channels of identities that are not used any more; calls under way may take so long."""
        while self._outdated:
            await self._outdated.pop().close(grace_seconds)

    async def close(self) -> None:
        """End every call and connection."""
        await self.close_outdated(0)
        if self._channel is not None:
            await self._channel.close()


async def tried_again(
    call: Callable[[Stubs], Awaitable[T]],
    channel: CloudChannel,
    pauses: tuple[float, ...],
    after: tuple[type[CloudFault], ...] = (CloudAway,),
) -> T:
    """The call's answer; `after` faults of these kinds it is tried again, one pause (seconds) later. Raises CloudFault.

    For calls that may be repeated: each of ours carries a digest or a request id that makes it so.
    """
    for pause in pauses:
        try:
            return await once(call, channel)
        except after as fault:
            if fault.reason in _PERMANENT:
                raise
            await asyncio.sleep(pause)
    return await once(call, channel)


PASSING: Final = (CloudAway, TooSlow, OutOfRoom)
"""Faults that may be over soon: for calls that are worth patience, since nobody waits for them."""

_PERMANENT: Final = frozenset({"NOT_ENROLLED", Reason.DEVICE_REVOKED, Reason.DEVICE_DISENROLLED})


async def once(call: Callable[[Stubs], Awaitable[T]], channel: CloudChannel) -> T:
    """The call's answer, or the fault that its error stands for."""
    try:
        return await call(channel.stubs)
    except grpc.aio.AioRpcError as error:
        raise fault_of(error) from error
    except asyncio.CancelledError:
        # grpc.aio raises it for a call that ended with its channel, too: to us that is a cloud that is away.
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        raise CloudAway("CANCELLED", "the channel was closed") from None


def stubs_over(channel: grpc.aio.Channel) -> Stubs:
    """The services, over a channel of whatever kind."""
    return Stubs(
        DeviceServiceStub(channel),
        InspectionServiceStub(channel),
        PolicyServiceStub(channel),
        QuarantineServiceStub(channel),
        ReleaseServiceStub(channel),
        TelemetryServiceStub(channel),
    )
