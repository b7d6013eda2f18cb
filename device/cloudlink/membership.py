"""Keeping the device's membership of a realm in force while it runs: renewals, and enrolments that happen beside it."""

import asyncio
from pathlib import Path
from typing import Final, Protocol

import structlog

from device.clock import Clock
from device.cloudlink.channel import CloudChannel
from device.cloudlink.policy import PolicyKeeper
from device.enrollment.identity import Identity
from device.enrollment.renewal import Bell, Chance, Renewal

log = structlog.get_logger()

_GRACE_SECONDS: Final = 60.0
"""For uploads under way on a channel whose certificate was renewed."""


class Followers(Protocol):
    """Whoever else acts as this device, and hears what has become of its identity; it is on disk by then."""

    def refreshed(self) -> None:
        """It may be another one, of another realm, or none."""

    def renewed(self) -> None:
        """It is the same, with a new certificate."""


class Membership:
    """Who the device is to its cloud, now; `refresh()` after `srx enroll` or `srx disenroll` ran beside it.

    Every process of a device has one; renew() runs in one of them.
    """

    def __init__(self, state: Path, channel: CloudChannel, keeper: PolicyKeeper, followers: Followers) -> None:
        self._state = state
        self._channel = channel
        self._keeper = keeper
        self._followers = followers
        self._outdated = asyncio.Event()
        self._another = asyncio.Event()

    def refresh(self) -> None:
        """Read the identity from disk and be that one: another realm's policy, verdicts and streams end here."""
        identity = Identity.load(self._state)
        self._channel.change(identity)
        self._keeper.load()
        self._followers.refreshed()
        self._take_effect()
        log.info("membership.refreshed", enrolled=identity is not None)

    def renewed(self) -> None:
        """Another process has renewed the certificate: read it from disk, and use it from the next call on."""
        identity = Identity.load(self._state)
        if identity is not None:
            self._use(identity)

    async def run(self) -> None:
        """End the channels of identities that are not used any more, once what is under way on them has had its time."""
        while True:
            await self._outdated.wait()
            self._outdated.clear()
            await self._channel.close_outdated(_GRACE_SECONDS)

    async def renew(self, clock: Clock, chance: Chance) -> None:
        """Renew for as long as the device runs, whoever it is."""
        while True:
            self._another.clear()
            async with asyncio.TaskGroup() as tasks:
                renewing = tasks.create_task(self._renew(clock, chance))
                await self._another.wait()
                renewing.cancel()

    async def _renew(self, clock: Clock, chance: Chance) -> None:
        identity = self._channel.identity
        if identity is not None:
            renewal = Renewal(self._state, identity, clock, chance, Bell())
            renewal.tell(self._use)
            await renewal.run()

    def _use(self, identity: Identity) -> None:
        """A second channel with the new certificate; streams resume there.

        Whoever follows hears of it first: from the new one's first use on, the cloud refuses the old one.
        """
        self._followers.renewed()
        self._channel.change(identity)
        self._take_effect()

    def _take_effect(self) -> None:
        self._keeper.watch_anew()
        self._outdated.set()
        self._another.set()
