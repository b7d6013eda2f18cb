"""The mail path of one process: listener, inspector, and what they ask of the cloud over one channel.

A device has one, or several worker processes have one each (device.workers).
"""

import asyncio
import secrets
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from device.background import Background
from device.clock import system_clock
from device.cloudlink.channel import CloudChannel
from device.cloudlink.passes import PassLink
from device.cloudlink.policy import PolicyKeeper
from device.cloudlink.quarantine import QuarantineLink
from device.cloudlink.reports import Reports
from device.cloudlink.submission import Submission
from device.errors import NotReloaded, WrongSetting
from device.inspection.inspector import Desk, Inspector
from device.inspection.policy import InspectionPolicy
from device.inspection.room import Budget, Room
from device.inspection.verdicts import VerdictMemory
from device.interception import explicit, redirect, transparent
from device.interception.bridge import Bridged
from device.interception.listener import Entrance, Listener
from device.interception.routed import Routed
from device.interception.rules import Ours
from device.message.limits import ScanLimits
from device.settings import Intercept, Settings
from device.smtp.encrypting import IMPLICIT_TLS_PORT
from device.smtp.intake import Endpoint
from device.smtp.limits import SessionLimits
from device.telemetry.account import Account
from device.telemetry.counters import Counters, SessionCount
from device.telemetry.events import Events
from device.tls.encryption import Encryption
from device.tls.renewed import renewed

_LAST_REPORT_SECONDS: Final = 5.0
"""Reports go every two seconds; a cloud that is away is not waited for."""


class MailPath:
    """Work of its own lives in `tasks`, whose owner calls stop() before leaving it."""

    def __init__(
        self,
        settings: Settings,
        channel: CloudChannel,
        keeper: PolicyKeeper,
        tls: Encryption,
        tasks: asyncio.TaskGroup,
        *,
        alone: bool,
    ) -> None:
        self._settings = settings
        self._channel = channel
        self._keeper = keeper
        self._tasks = tasks
        self._alone = alone
        self._memory = VerdictMemory(
            time.monotonic, lifetime=settings.verdict_lifetime, failure_lifetime=settings.failure_lifetime
        )
        self._counted = Counters()
        self._events = Events(system_clock, partial(secrets.token_urlsafe, 12), self._counted)
        self._background = Background(tasks)
        self._reporting: asyncio.Task[None] | None = None
        self.entrance = entrance(settings)
        self._listener = Listener(
            self.entrance,
            Inspector(self._desk()),
            self._limits(),
            tasks=tasks,
            counter=SessionCount(self._counted),
            encryption=tls,
            delivery=settings.delivery,
        )

    async def start(self) -> None:
        """Clients may come, by the entrance. Raises WrongSetting, CannotIntercept."""
        self._report()
        await self._listener.start()

    async def serve(self, sockets: Sequence[socket.socket]) -> None:
        """Clients may come, on sockets that another process has bound and leads them to."""
        self._report()
        await self._listener.serve(sockets)

    async def reload(self) -> None:
        """Sessions from now on have the certificates and keys that are on disk. Raises NotReloaded."""
        try:
            self._listener.door.encrypt_with(renewed(self._settings.tls))
        except WrongSetting as error:
            raise NotReloaded(f"the device goes on as it was: {error.sentence}", next_step=error.next_step) from error

    async def counters(self) -> dict[str, int]:
        """Every counter since the start."""
        return self._counted.snapshot()

    def told(self) -> dict[str, Any]:
        """For `srx show status`: nothing that others don't tell."""
        return {}

    def refreshed(self) -> None:
        """Another identity may be in force, and verdicts belong to a realm."""
        self._memory.forget()

    def renewed(self) -> None:
        """The channel has the new certificate already."""

    async def retire(self, seconds: float) -> None:
        """No more clients; those that are here may go on for that long, and the cloud hears what became of them."""
        await self._listener.door.drain(seconds)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._events.all_told(), _LAST_REPORT_SECONDS)

    async def stop(self, grace_seconds: float) -> None:
        """Finish what is in flight, then what is still to be settled with the cloud."""
        await self._listener.stop(grace_seconds)
        await self._background.finish(grace_seconds)
        if self._reporting is not None:
            self._reporting.cancel()

    def close(self) -> None:
        """Nothing outlives the tasks."""

    def _report(self) -> None:
        reports = Reports(self._channel, self._events, self._counted, whole=self._alone)
        self._reporting = self._tasks.create_task(reports.run())

    def _limits(self) -> SessionLimits:
        settings = self._settings
        return SessionLimits(
            sessions=settings.max_sessions,
            sessions_of_client=settings.max_client_sessions or settings.max_sessions,
            message_size=settings.max_message_size,
        )

    def _room(self) -> Room:
        settings = self._settings
        return Room(
            Budget(settings.max_held_bytes),
            Budget(settings.max_spilled_bytes),
            settings.spill_above,
            settings.spill_folder or settings.state,
        )

    def _policy(self) -> InspectionPolicy:
        return InspectionPolicy(self._keeper.current, self._settings.policy)

    def _desk(self) -> Desk:
        return Desk(
            submission=Submission(self._channel, self._memory, self._background, self._counted),
            quarantine=QuarantineLink(self._channel),
            passes=PassLink(self._channel),
            policy=self._policy,
            realm_id=lambda: "" if self._channel.identity is None else self._channel.identity.realm_id,
            account=Account(self._counted, self._events),
            background=self._background,
            room=self._room(),
            limits=ScanLimits(),
            clock=system_clock,
            new_id=partial(secrets.token_urlsafe, 24),
        )


def entrance(settings: Settings) -> Entrance:
    """Where clients come in; what it changes in the kernel has the state folder's name. Raises WrongSetting."""
    ours, ports, when_stopped = Ours.of(settings.state.resolve()), settings.ports, settings.when_stopped
    known, consent = settings.client_address, settings.accept_open_relay
    match settings.intercept:
        case Intercept.EXPLICIT:
            server, door = real_server(settings), tls_door(settings)
            return explicit.Entrance(settings.listen, server, door, client_address=known, consent=consent)
        case Intercept.TRANSPARENT:
            return transparent.Entrance(Routed(ours, ports, when_stopped))
        case Intercept.BRIDGE:
            return transparent.Entrance(Bridged(ours, ports, when_stopped, settings.bridge))
        case Intercept.REDIRECT:
            return redirect.Entrance(ours, ports, when_stopped, client_address=known, consent=consent)


def tls_door(settings: Settings) -> explicit.TlsDoor | None:
    """For clients that begin with TLS, where there is to be one. Raises WrongSetting."""
    if settings.tls_listen is None:
        return None
    server = settings.tls_server or Endpoint(real_server(settings).host, IMPLICIT_TLS_PORT)
    return explicit.TlsDoor(settings.tls_listen, server)


def real_server(settings: Settings) -> Endpoint:
    """The one behind an explicit device. Raises WrongSetting where none is named."""
    if settings.server is None:
        raise WrongSetting(
            "no mail server is named",
            next_step="Name the real one: --server HOST:PORT; or stand in the path: --intercept transparent.",
        )
    return settings.server
