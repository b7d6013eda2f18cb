"""The composition root of the device: the one place that wires the parts, and owns start and stop.

Start   1. the state folder, the identity and the kept policy from disk
        2. the channel to the cloud, and what is asked over it
        3. the inspector, and the listener in front of it
        4. the control socket, and the ready line
Stop    5. no new connections; mail under way finishes, up to the grace
        6. what is still to be settled with the cloud
        7. the streams and the channel
"""

import asyncio
import json
import random
import secrets
import signal
import sys
import time
from functools import partial
from typing import Any

import structlog
import uvloop

from device import control
from device.background import Background
from device.clock import system_clock
from device.cloudlink.channel import CloudChannel
from device.cloudlink.membership import Membership
from device.cloudlink.passes import PassLink
from device.cloudlink.policy import PolicyKeeper
from device.cloudlink.quarantine import QuarantineLink
from device.cloudlink.reports import Reports
from device.cloudlink.submission import Submission
from device.enrollment.identity import Identity
from device.errors import WrongSetting
from device.inspection.inspector import Desk, Inspector
from device.inspection.policy import InspectionPolicy
from device.inspection.verdicts import VerdictMemory
from device.interception.explicit import Listener
from device.logging import configure
from device.memory import collect_rarely, keep_freed_chunks
from device.message.limits import ScanLimits
from device.settings import Settings
from device.smtp.intake import Endpoint
from device.smtp.limits import SessionLimits
from device.state_lock import alone_on
from device.status import Status
from device.telemetry.account import Account
from device.telemetry.counters import Counters, SessionCount
from device.telemetry.events import Events

log = structlog.get_logger()


def run(settings: Settings, *, as_json: bool) -> None:
    """Run the device until it is told to stop. Raises DeviceError where it can't start."""
    configure(settings.log_format)
    keep_freed_chunks()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings, as_json=as_json))


async def _run(settings: Settings, *, as_json: bool) -> None:
    if settings.server is None:
        raise WrongSetting("no mail server is named", next_step="Name the real one: --server HOST:PORT.")
    settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    stop = _stop_signal()
    with alone_on(settings.state):
        async with asyncio.TaskGroup() as tasks:
            appliance = Appliance(settings, settings.server, tasks)
            await appliance.start()
            collect_rarely()
            async with control.listening(settings.state, appliance.answers(stop)):
                appliance.say_ready(as_json=as_json)
                await stop.wait()
            await appliance.stop()


class Appliance:
    """Everything that runs in one device. Work of its own lives in `tasks`."""

    def __init__(self, settings: Settings, server: Endpoint, tasks: asyncio.TaskGroup) -> None:
        self._settings = settings
        self._tasks = tasks
        self._counters = Counters()
        self._channel = CloudChannel(Identity.load(settings.state))
        self._keeper = PolicyKeeper(settings.state / "policy.json", self._channel)
        self._membership = Membership(settings.state, self._channel, self._keeper, system_clock, random.random)
        self._events = Events(system_clock, partial(secrets.token_urlsafe, 12), self._counters)
        self._background = Background(tasks)
        self._running: list[asyncio.Task[None]] = []
        self._listener = Listener(
            settings.listen,
            server,
            Inspector(self._desk()),
            SessionLimits(sessions=settings.max_sessions, message_size=settings.max_message_size),
            tasks=tasks,
            counter=SessionCount(self._counters),
            client_address=settings.client_address,
            consent=settings.accept_open_relay,
        )
        self._status = Status(
            system_clock(),
            lambda: self._listener.endpoint,
            server,
            self._channel,
            self._keeper,
            self._policy,
            self._counters,
        )

    async def start(self) -> None:
        """Take up the kept policy, watch for new ones, and let clients come. Raises WrongSetting."""
        self._keeper.load()
        reports = Reports(self._channel, self._events, self._counters)
        for work in (self._keeper.run(), self._membership.run(), reports.run()):
            self._running.append(self._tasks.create_task(work))
        try:
            await self._listener.start()
        except OSError as error:
            raise WrongSetting(
                f"can't listen on {self._settings.listen}: {error.strerror or error}",
                next_step="Is something else listening there? Name another address with --listen.",
            ) from error

    def say_ready(self, *, as_json: bool) -> None:
        """One line on standard output that says where clients connect; warnings go to the log."""
        listen = str(self._listener.endpoint)
        text = (
            json.dumps({"smtp": listen}) if as_json else f"srx: inspecting mail at {listen} for {self._settings.server}"
        )
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
        log.warning("device.starttls-not-offered", meaning="mail crosses this device unencrypted")
        log.warning(
            "device.fallback", action=self._settings.fallback_action.value, meaning="mail whose verdict is unknown"
        )
        for warning in self._status.warnings():
            log.warning("device.warning", warning=warning)

    def answers(self, stop: asyncio.Event) -> control.Answers:
        """What commands may ask of the running device."""

        def refresh() -> dict[str, Any]:
            self._membership.refresh()
            return {}

        def end() -> dict[str, Any]:
            stop.set()
            return {}

        return {
            "status": self._status.connection,
            "statistics": self._status.statistics,
            "policy": self._status.in_force,
            "refresh": refresh,
            "stop": end,
        }

    async def stop(self) -> None:
        """Finish what is in flight, then end."""
        grace = self._settings.stop_grace
        await self._listener.stop(grace)
        await self._background.finish(grace)
        for task in self._running:
            task.cancel()
        await asyncio.wait(self._running)
        await self._channel.close()
        log.info("device.stopped", **self._counters.snapshot())

    def _policy(self) -> InspectionPolicy:
        return InspectionPolicy(self._keeper.current, self._settings.policy)

    def _desk(self) -> Desk:
        return Desk(
            submission=Submission(self._channel, VerdictMemory(time.monotonic), self._background, self._counters),
            quarantine=QuarantineLink(self._channel),
            passes=PassLink(self._channel),
            policy=self._policy,
            realm_id=lambda: "" if self._channel.identity is None else self._channel.identity.realm_id,
            account=Account(self._counters, self._events),
            background=self._background,
            limits=ScanLimits(),
            clock=system_clock,
            new_id=partial(secrets.token_urlsafe, 24),
        )


def _stop_signal() -> asyncio.Event:
    """Set by Ctrl-C or a termination signal."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    return stop
