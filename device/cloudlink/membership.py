"""Keeping the device's membership of a realm in force while it runs: renewals, and enrolments that happen beside it."""

import asyncio
from pathlib import Path
from typing import Final

import structlog

from device.clock import Clock
from device.cloudlink.channel import CloudChannel
from device.cloudlink.policy import PolicyKeeper
from device.enrollment.identity import Identity
from device.enrollment.renewal import Bell, Chance, Renewal
from device.inspection.verdicts import VerdictMemory

log = structlog.get_logger()

_GRACE_SECONDS: Final = 60.0
"""For uploads under way on a channel whose certificate was renewed."""


class Membership:
    """Who the device is to its cloud, now; `refresh()` after `srx enroll` or `srx disenroll` ran beside it."""

    def __init__(
        self,
        state: Path,
        channel: CloudChannel,
        keeper: PolicyKeeper,
        memory: VerdictMemory,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._state = state
        self._channel = channel
        self._keeper = keeper
        self._memory = memory
        self._clock = clock
        self._chance = chance
        self._changed = asyncio.Event()

    def refresh(self) -> None:
        """Read the identity from disk and be that one: another realm's policy, verdicts and streams end here."""
        identity = Identity.load(self._state)
        self._channel.change(identity)
        self._keeper.load()
        self._memory.forget()
        self._keeper.watch_anew()
        self._changed.set()
        log.info("membership.refreshed", enrolled=identity is not None)

    async def run(self) -> None:
        """Renew for as long as the device runs, whoever it is."""
        while True:
            self._changed.clear()
            async with asyncio.TaskGroup() as tasks:
                renewing = tasks.create_task(self._renew())
                await self._changed.wait()
                renewing.cancel()
            await self._channel.close_outdated(_GRACE_SECONDS)

    async def _renew(self) -> None:
        identity = self._channel.identity
        if identity is not None:
            renewal = Renewal(self._state, identity, self._clock, self._chance, Bell())
            renewal.tell(self._renewed)
            await renewal.run()

    def _renewed(self, identity: Identity) -> None:
        """A second channel with the new certificate; streams resume there."""
        self._channel.change(identity)
        self._keeper.watch_anew()
        self._changed.set()
