"""Telling the cloud now and then that the device is alive, and which policy it has in force."""

import asyncio
from importlib.metadata import version
from typing import Final

import structlog

from atp.v1 import device_pb2
from device.clock import Clock
from device.cloudlink.channel import CloudChannel, Stubs, once
from device.cloudlink.faults import CloudFault
from device.cloudlink.policy import PolicyKeeper

log = structlog.get_logger()

EVERY_SECONDS: Final = 60.0
_SECONDS: Final = 10.0


class Heartbeat:
    """Beats as long as run() runs."""

    def __init__(self, channel: CloudChannel, keeper: PolicyKeeper, clock: Clock) -> None:
        self._channel = channel
        self._keeper = keeper
        self._clock = clock
        self._version = version("srxlab")

    async def run(self) -> None:
        """Beat for ever; one that fails is not repeated, the next one comes."""
        while True:
            try:
                await once(self._beat, self._channel)
            except CloudFault as fault:
                log.debug("heartbeat.failed", reason=fault.reason)
            await asyncio.sleep(EVERY_SECONDS)

    async def _beat(self, stubs: Stubs) -> None:
        beat = device_pb2.HeartbeatRequest(version=self._version, policy_revision=self._keeper.current.revision)
        beat.device_time.FromDatetime(self._clock())
        await stubs.device.Heartbeat(beat, timeout=_SECONDS)
