"""The composition root of the device: the one place that wires the parts, and owns start and stop.

Start   1. the state folder, the identity and the kept policy from disk
        2. the channel to the cloud, and what is asked over it
        3. the inspector, and the listener in front of it; where it is transparent, the kernel leads clients there
        4. the control socket, and the ready line
Stop    5. no new connections; mail under way finishes, up to the grace
        6. what is still to be settled with the cloud
        7. the streams and the channel
        8. what was changed in the kernel
"""

import asyncio
import json
import random
import secrets
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import uvloop

from device import control
from device.background import Background
from device.clock import system_clock
from device.cloudlink.channel import CloudChannel
from device.cloudlink.heartbeat import Heartbeat
from device.cloudlink.membership import Membership
from device.cloudlink.passes import PassLink
from device.cloudlink.policy import PolicyKeeper
from device.cloudlink.quarantine import QuarantineLink
from device.cloudlink.reports import Reports
from device.cloudlink.submission import Submission
from device.enrollment.identity import Identity
from device.errors import DeviceError, WrongSetting
from device.inspection.held_bytes import HeldBytes
from device.inspection.inspector import Desk, Inspector
from device.inspection.policy import InspectionPolicy
from device.inspection.verdicts import VerdictMemory
from device.interception import bridge, explicit, kernel, redirect, transparent
from device.interception.bridge import Bridged
from device.interception.routed import Routed
from device.interception.rules import Ours
from device.logging import configure
from device.memory import keep_freed_chunks
from device.message.limits import ScanLimits
from device.settings import Intercept, Settings
from device.smtp.limits import SessionLimits
from device.state_lock import alone_on
from device.status import Status
from device.telemetry.account import Account
from device.telemetry.counters import Counters, SessionCount
from device.telemetry.events import Events
from device.tls.encryption import encryption

log = structlog.get_logger()


def run(settings: Settings, *, as_json: bool) -> None:
    """Run the device until it is told to stop. Raises DeviceError where it can't start."""
    configure(settings.log_format)
    keep_freed_chunks()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_run(settings, as_json=as_json))
        except* DeviceError as several:
            raise _first(several) from None


def _first(several: BaseExceptionGroup[DeviceError]) -> DeviceError:
    """The error that ended the start; the task group has wrapped it."""
    error: BaseException = several
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, DeviceError)
    return error


async def _run(settings: Settings, *, as_json: bool) -> None:
    _make_state_folder(settings.state)
    stop = _stop_signal()
    with alone_on(settings.state):
        async with asyncio.TaskGroup() as tasks:
            await _serve(Appliance(settings, tasks), stop, as_json=as_json)


async def _serve(appliance: "Appliance", stop: asyncio.Event, *, as_json: bool) -> None:
    """From start to stop; and whatever goes wrong, the machine is as it was."""
    try:
        await appliance.start()
        async with control.listening(appliance.state, appliance.answers(stop)):
            appliance.say_ready(as_json=as_json)
            await stop.wait()
        await appliance.stop()
    finally:
        await appliance.close()


def _make_state_folder(state: Path) -> None:
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise WrongSetting(
            f"the state folder {state} can't be made: {error.strerror}", next_step="Name another one with --state."
        ) from error


class Appliance:
    """Everything that runs in one device. Work of its own lives in `tasks`."""

    def __init__(self, settings: Settings, tasks: asyncio.TaskGroup) -> None:
        self.state = settings.state
        self._settings = settings
        self._tasks = tasks
        self._counters = Counters()
        self._channel = CloudChannel(Identity.load(settings.state))
        self._keeper = PolicyKeeper(settings.state / "policy.json", self._channel)
        self._memory = VerdictMemory(time.monotonic)
        self._membership = Membership(
            settings.state, self._channel, self._keeper, self._memory, system_clock, random.random
        )
        self._events = Events(system_clock, partial(secrets.token_urlsafe, 12), self._counters)
        self._background = Background(tasks)
        self._tls = encryption(settings.tls)
        self._running: list[asyncio.Task[None]] = []
        self._ours = Ours.of(settings.state.resolve())
        self._let_pass = False
        self._obstacles: dict[Intercept, str | None] = {}
        self._listener = self._listening()
        self._status = Status(
            system_clock(),
            self._intercepting,
            self._channel,
            self._keeper,
            self._policy,
            self._counters,
            self._tls,
        )

    async def start(self) -> None:
        """Take up the kept policy, watch for new ones, and let clients come. Raises WrongSetting, CannotIntercept."""
        self._keeper.load()
        reports = Reports(self._channel, self._events, self._counters)
        heartbeat = Heartbeat(self._channel, self._keeper, system_clock)
        for work in (self._keeper.run(), self._membership.run(), reports.run(), heartbeat.run()):
            self._running.append(self._tasks.create_task(work))
        await self._begin_intercepting()

    def say_ready(self, *, as_json: bool) -> None:
        """One line on standard output that says where clients connect; warnings go to the log."""
        ready, told = self._listener.ready(), self._listener.told()
        text = json.dumps(ready) if as_json else f"srx: inspecting mail at {told['listen']} for {told['mail_server']}"
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
        if self._tls.warning is not None:
            log.warning("device.starttls", meaning=self._tls.warning)
        log.warning(
            "device.fallback", action=self._settings.fallback_action.value, meaning="mail whose verdict is unknown"
        )
        for warning in self._listener.warnings():
            log.warning("device.interception", meaning=warning)
        if self._channel.identity is None:  # what else there may be to warn of is known only after a moment
            log.warning("device.not-enrolled", meaning=self._status.warnings()[0])

    def answers(self, stop: asyncio.Event) -> control.Answers:
        """What commands may ask of the running device."""

        def refresh() -> dict[str, Any]:
            self._membership.refresh()
            return {}

        def end() -> dict[str, Any]:
            stop.set()
            return {}

        def end_and_let_pass() -> dict[str, Any]:
            self._let_pass = True
            return end()

        return {
            "status": self._status.connection,
            "statistics": self._status.statistics,
            "policy": self._status.in_force,
            "refresh": refresh,
            "stop": end,
            "stop-let-pass": end_and_let_pass,
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

    async def close(self) -> None:
        """Leave the machine as it was, also after a failure; only a device that fails closed leaves its refusal."""
        await self._listener.close(let_pass=self._let_pass)

    async def _begin_intercepting(self) -> None:
        """What a crash left of another way of interception is gone, too."""
        self._obstacles = {
            Intercept.EXPLICIT: None,
            Intercept.TRANSPARENT: await kernel.obstacle(),
            Intercept.BRIDGE: await bridge.obstacle(self._settings.bridge),
            Intercept.REDIRECT: await redirect.obstacle(),
        }
        if self._settings.intercept is Intercept.EXPLICIT and kernel.may_change():
            await kernel.withdraw(self._ours, let_pass=True)
        await self._listener.start()

    def _intercepting(self) -> dict[str, Any]:
        """Which way is taken, and which others are possible, or why they aren't."""
        others = {way: why or "possible" for way, why in self._obstacles.items() if way is not self._settings.intercept}
        return {**self._listener.told(), "other_ways": others, "warnings": self._listener.warnings()}

    def _listening(self) -> explicit.Listener | transparent.Listener | redirect.Listener:
        settings = self._settings
        match settings.intercept:
            case Intercept.EXPLICIT:
                return self._explicit()
            case Intercept.TRANSPARENT:
                return self._transparent(Routed(self._ours, settings.ports, settings.when_stopped))
            case Intercept.BRIDGE:
                return self._transparent(Bridged(self._ours, settings.ports, settings.when_stopped, settings.bridge))
            case Intercept.REDIRECT:
                return self._redirect()

    def _explicit(self) -> explicit.Listener:
        settings = self._settings
        if settings.server is None:
            raise WrongSetting(
                "no mail server is named",
                next_step="Name the real one: --server HOST:PORT; or stand in the path: --intercept transparent.",
            )
        return explicit.Listener(
            settings.listen,
            settings.server,
            Inspector(self._desk()),
            self._limits(),
            tasks=self._tasks,
            counter=SessionCount(self._counters),
            client_address=settings.client_address,
            consent=settings.accept_open_relay,
            encryption=self._tls,
        )

    def _transparent(self, position: transparent.Position) -> transparent.Listener:
        return transparent.Listener(
            position,
            Inspector(self._desk()),
            self._limits(),
            tasks=self._tasks,
            counter=SessionCount(self._counters),
            encryption=self._tls,
        )

    def _redirect(self) -> redirect.Listener:
        settings = self._settings
        return redirect.Listener(
            self._ours,
            settings.ports,
            settings.when_stopped,
            Inspector(self._desk()),
            self._limits(),
            tasks=self._tasks,
            counter=SessionCount(self._counters),
            client_address=settings.client_address,
            consent=settings.accept_open_relay,
            encryption=self._tls,
        )

    def _limits(self) -> SessionLimits:
        return SessionLimits(sessions=self._settings.max_sessions, message_size=self._settings.max_message_size)

    def _policy(self) -> InspectionPolicy:
        return InspectionPolicy(self._keeper.current, self._settings.policy)

    def _desk(self) -> Desk:
        return Desk(
            submission=Submission(self._channel, self._memory, self._background, self._counters),
            quarantine=QuarantineLink(self._channel),
            passes=PassLink(self._channel),
            policy=self._policy,
            realm_id=lambda: "" if self._channel.identity is None else self._channel.identity.realm_id,
            account=Account(self._counters, self._events),
            background=self._background,
            held=HeldBytes(self._settings.max_held_bytes),
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
