"""The composition root of the device: the one place that wires the parts, and owns start and stop.

Start   1. the state folder, the identity and the kept policy from disk
        2. the channel to the cloud, and what is asked over it
        3. whoever carries the mail, listening: this process, or workers; where mail passes, the kernel leads it there
        4. the control socket, and the ready line
Stop    5. no new connections; mail under way finishes, up to the grace
        6. what is still to be settled with the cloud
        7. the streams and the channel
        8. what was changed in the kernel
"""

import asyncio
import json
import random
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import structlog
import uvloop

from device import control
from device.clock import system_clock
from device.cloudlink.channel import CloudChannel
from device.cloudlink.heartbeat import Heartbeat
from device.cloudlink.membership import Membership
from device.cloudlink.policy import PolicyKeeper
from device.cloudlink.reports import Totals
from device.enrollment.identity import Identity
from device.errors import DeviceError, NotReloaded, WrongSetting, first_of
from device.inspection.policy import InspectionPolicy
from device.interception import bridge, kernel, redirect
from device.interception.listener import Entrance
from device.interception.rules import Ours
from device.logging import configure
from device.mail_path import MailPath, entrance
from device.memory import keep_freed_chunks, spare_the_collector
from device.settings import Intercept, Settings
from device.state_lock import alone_on
from device.status import Status
from device.tls.encryption import encryption
from device.workers.workers import Workers

log = structlog.get_logger()


def run(settings: Settings, *, as_json: bool) -> None:
    """Run the device until it is told to stop. Raises DeviceError where it can't start."""
    configure(settings.log_format, settings.log_level)
    keep_freed_chunks()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_run(settings, as_json=as_json))
        except* DeviceError as several:
            raise first_of(several) from None


async def _run(settings: Settings, *, as_json: bool) -> None:
    _make_state_folder(settings.state)
    stop = _stop_signal()
    with alone_on(settings.state):
        async with asyncio.TaskGroup() as tasks:
            await _serve(Appliance(settings, tasks), stop, as_json=as_json)


async def _serve(appliance: "Appliance", stop: asyncio.Event, *, as_json: bool) -> None:
    """From start to stop; and whatever goes wrong, the machine is as it was."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, appliance.hang_up)
    try:
        await appliance.start()
        spare_the_collector()
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


class Carrier(Protocol):
    """Whoever carries the mail: this process (device.mail_path), or several (device.workers)."""

    entrance: Entrance

    async def start(self) -> None:
        """Clients may come. Raises DeviceError."""

    async def reload(self) -> None:
        """Take up what is on disk, for sessions from now on. Raises NotReloaded."""

    async def counters(self) -> dict[str, int]:
        """Every counter since the device's start."""

    def told(self) -> dict[str, Any]:
        """For `srx show status`."""

    def refreshed(self) -> None:
        """The identity on disk may be another one."""

    def renewed(self) -> None:
        """The certificate was renewed."""

    async def stop(self, grace_seconds: float) -> None:
        """Finish what is in flight."""

    def close(self) -> None:
        """Nothing is left running, also after a failure."""


class Appliance:
    """What a device has once, whoever carries its mail. Work of its own lives in `tasks`."""

    def __init__(self, settings: Settings, tasks: asyncio.TaskGroup) -> None:
        self.state = settings.state
        self._settings = settings
        self._tasks = tasks
        self._channel = CloudChannel(Identity.load(settings.state))
        self._keeper = PolicyKeeper(settings.state / "policy.json", self._channel)
        self._tls = encryption(settings.tls)  # before any worker's: what is made on first use is made once
        self._path = self._workers() if settings.workers > 1 else self._own_path()
        self._membership = Membership(settings.state, self._channel, self._keeper, self._path)
        self._running: list[asyncio.Task[None]] = []
        self._let_pass = False
        self._obstacles: dict[Intercept, str | None] = {}
        self._status = Status(
            system_clock(),
            self._intercepting,
            self._channel,
            self._keeper,
            self._policy,
            self._path.counters,
            self._tls,
        )

    async def start(self) -> None:
        """Take up the kept policy, watch for new ones, and let clients come. Raises WrongSetting, CannotIntercept."""
        self._keeper.load()
        works = [
            self._keeper.run(),
            self._membership.run(),
            self._membership.renew(system_clock, random.random),
            Heartbeat(self._channel, self._keeper, system_clock).run(),
        ]
        if self._settings.workers > 1:
            works.append(Totals(self._channel, self._path.counters, system_clock).run())
        self._running = [self._tasks.create_task(work) for work in works]
        await self._begin_intercepting()

    def say_ready(self, *, as_json: bool) -> None:
        """One line on standard output that says where clients connect; warnings go to the log."""
        ready, told = self._path.entrance.ready(), self._path.entrance.told()
        text = json.dumps(ready) if as_json else f"srx: inspecting mail at {told['listen']} for {told['mail_server']}"
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
        if self._tls.warning is not None:
            log.warning("device.starttls", meaning=self._tls.warning)
        log.warning(
            "device.fallback", action=self._settings.fallback_action.value, meaning="mail whose verdict is unknown"
        )
        for warning in self._path.entrance.warnings():
            log.warning("device.interception", meaning=warning)
        if self._channel.identity is None:  # what else there may be to warn of is known only after a moment
            log.warning("device.not-enrolled", meaning=self._status.warnings()[0])

    def answers(self, stop: asyncio.Event) -> control.Answers:
        """What commands may ask of the running device."""

        async def status() -> dict[str, Any]:
            await self._path.counters()  # what workers are told to have is what they have just said
            return self._status.connection()

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
            "status": status,
            "statistics": self._status.statistics,
            "policy": self._status.in_force,
            "refresh": refresh,
            "reload": self._reload,
            "stop": end,
            "stop-let-pass": end_and_let_pass,
        }

    def hang_up(self) -> None:
        """SIGHUP, as daemons take it: a reload that nobody waits for; the log has the answer."""
        self._tasks.create_task(self._reload_unasked())

    async def stop(self) -> None:
        """Finish what is in flight, then end."""
        await self._path.entrance.let_go()
        await self._path.stop(self._settings.stop_grace)
        for task in self._running:
            task.cancel()
        await asyncio.wait(self._running)
        await self._channel.close()
        log.info("device.stopped", **await self._path.counters())

    async def close(self) -> None:
        """Leave the machine as it was, also after a failure; only a device that fails closed leaves its refusal."""
        self._path.close()
        await self._path.entrance.close(let_pass=self._let_pass)

    async def _reload(self) -> dict[str, Any]:
        try:
            await self._path.reload()
        except NotReloaded as error:
            log.error("device.not-reloaded", meaning=error.sentence, next_step=error.next_step)  # noqa: TRY400 - no traceback in the log
            raise
        log.info("device.reloaded")
        return {}

    async def _reload_unasked(self) -> None:
        with suppress(NotReloaded):
            await self._reload()

    async def _begin_intercepting(self) -> None:
        """What a crash left of another way of interception is gone, too."""
        self._obstacles = {
            Intercept.EXPLICIT: None,
            Intercept.TRANSPARENT: await kernel.obstacle(),
            Intercept.BRIDGE: await bridge.obstacle(self._settings.bridge),
            Intercept.REDIRECT: await redirect.obstacle(),
        }
        if self._settings.intercept is Intercept.EXPLICIT and kernel.may_change():
            await kernel.withdraw(Ours.of(self.state.resolve()), let_pass=True)
        await self._path.start()

    def _intercepting(self) -> dict[str, Any]:
        """Which way is taken, and which others are possible, or why they aren't; and by which processes."""
        entrance, here = self._path.entrance, self._settings.intercept
        others = {way: why or "possible" for way, why in self._obstacles.items() if way is not here}
        return {**entrance.told(), **self._path.told(), "other_ways": others, "warnings": entrance.warnings()}

    def _policy(self) -> InspectionPolicy:
        return InspectionPolicy(self._keeper.current, self._settings.policy)

    def _own_path(self) -> Carrier:
        return MailPath(self._settings, self._channel, self._keeper, self._tls, self._tasks, alone=True)

    def _workers(self) -> Carrier:
        return Workers(self._settings, entrance(self._settings), self._tasks)


def _stop_signal() -> asyncio.Event:
    """Set by Ctrl-C or a termination signal."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    return stop
