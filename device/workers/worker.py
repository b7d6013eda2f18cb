"""A worker process: the mail path of a device, on sockets of its parent's, with a channel to the cloud of its own.

    python -m device.workers.worker NUMBER LINK SOCKET…     descriptors that it inherits; only a parent starts it

It renews no certificate, keeps no policy on disk, beats no heart: the parent does, once for all.
"""

import asyncio
import base64
import pickle
import signal
import socket
import sys
from typing import Any

import structlog
import uvloop

from device.cloudlink.channel import CloudChannel
from device.cloudlink.membership import Membership
from device.cloudlink.policy import PolicyKeeper
from device.enrollment.identity import Identity
from device.errors import DeviceError, first_of
from device.logging import configure
from device.mail_path import MailPath
from device.memory import keep_freed_chunks, spare_the_collector
from device.settings import Settings
from device.tls.renewed import renewed
from device.workers.link import Link, as_told

log = structlog.get_logger()


def main() -> None:
    """Serve until the parent says stop, or is gone."""
    number, link, *sockets = map(int, sys.argv[1:])
    keep_freed_chunks()
    structlog.contextvars.bind_contextvars(worker=number)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(socket.socket(fileno=link), [socket.socket(fileno=each) for each in sockets]))


async def _run(end: socket.socket, sockets: list[socket.socket]) -> None:
    link = await Link.over(end)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C reaches the parent, too, and the parent stops us
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # the parent reloads
    loop.add_signal_handler(signal.SIGTERM, link.hang_up)
    try:
        if (first := await link.hear()) is None:
            return
        settings = _settings(first)
        configure(settings.log_format, settings.log_level)
        async with asyncio.TaskGroup() as tasks:
            await Worker(settings, tasks, link).run(sockets)
    except* DeviceError as several:
        link.say(failed=as_told(first_of(several)))
    finally:
        await link.close()


def _settings(told: dict[str, Any]) -> Settings:
    """They come from the process that has started us, over a socket pair that nobody else has."""
    settings = pickle.loads(base64.b64decode(told["settings"]))  # noqa: S301 - from our parent
    assert isinstance(settings, Settings)
    return settings


class Worker:
    """From start to stop."""

    def __init__(self, settings: Settings, tasks: asyncio.TaskGroup, link: Link) -> None:
        self._grace = settings.stop_grace
        self._tasks = tasks
        self._link = link
        self._channel = CloudChannel(Identity.load(settings.state))
        self._keeper = PolicyKeeper(settings.state / "policy.json", self._channel, keeps=False)
        self._path = MailPath(settings, self._channel, self._keeper, renewed(settings.tls), tasks, alone=False)
        self._membership = Membership(settings.state, self._channel, self._keeper, self._path)
        self._running: list[asyncio.Task[None]] = []
        self._over = asyncio.Event()

    async def run(self, sockets: list[socket.socket]) -> None:
        """Serve, obey, and end: orders are heard to the last moment, since calls are made to the last moment."""
        self._keeper.load()
        works = (self._keeper.run(), self._membership.run(), self._obey())
        self._running = [self._tasks.create_task(work) for work in works]
        await self._path.serve(sockets)
        spare_the_collector()
        self._link.say(ready=True)
        await self._over.wait()
        await self._path.stop(self._grace)
        await self._say_counters()
        for task in self._running:
            task.cancel()
        await asyncio.wait(self._running)
        await self._channel.close()

    async def _obey(self) -> None:
        while (heard := await self._link.hear()) is not None:
            try:
                await self._do(heard["do"])
            except DeviceError as error:
                log.warning("worker.did-not", order=heard["do"], reason=error.reason)
        self._over.set()

    async def _do(self, order: str) -> None:
        match order:
            case "count":
                await self._say_counters()
            case "refresh":
                self._membership.refresh()
            case "renewed":
                self._membership.renewed()
            case "retire":
                self._running.append(self._tasks.create_task(self._retire()))
            case "stop":
                self._over.set()

    async def _say_counters(self) -> None:
        self._link.say(counters=await self._path.counters(), policy_revision=self._keeper.current.revision)

    async def _retire(self) -> None:
        """Sessions end by themselves, up to the grace; those that are left by then are ended like at a stop."""
        await self._path.retire(self._grace)
        self._over.set()


if __name__ == "__main__":
    main()
