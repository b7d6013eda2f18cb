"""The running service: what starts, in which order, and what stops.

Start
1. The state folder is locked, and the portal's port taken: links in mail name it.
2. Database, keys, authority and rooms open (rooms.py).
3. Analysis processes start, before gRPC does.
4. Durable jobs start; what a kill left undone is handed over again.
5. HTTP answers, then gRPC listens (doors.py).
6. The control socket opens: from here on commands come through it, and whoever waits is told.

Stop, in the opposite order
1. The control socket closes; commands under way are finished.
2. Devices that wait for news are let go; gRPC (15 s) and HTTP (10 s) finish what is under way, together.
3. Jobs (10 s), analysis processes, database; the lock is given back.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import structlog

from cloud import http_server
from cloud.address import Address
from cloud.analyzers.budget import Limits
from cloud.background import Background
from cloud.clock import random_id, system_clock
from cloud.control.door import take_over
from cloud.control.listener import serving
from cloud.doors import BoundEndpoints, Doors
from cloud.inspection.pipeline import Pipeline
from cloud.inspection.rule_set import rule_set
from cloud.inspection.workers import Workers
from cloud.jobs.boundary import Failure
from cloud.jobs.engine import Jobs
from cloud.portal.base_url import BaseUrl
from cloud.rooms import Rooms, administration, open_rooms, portal_url
from cloud.settings import Settings
from cloud.storage.state_folder import StateFolder

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the service can be reached, now that it is ready: HOST:PORT each, and the portal's URL."""

    enrolment: str
    device: str
    portal: str
    state: str
    pid: int


async def run(settings: Settings, stopping: asyncio.Event, announce: Callable[[Listening], None]) -> None:
    """Serve until `stopping` is set; the steps are above. Raises CloudError where it can't start."""
    asyncio.get_running_loop().set_exception_handler(note_failure)
    try:
        await _run(settings, stopping, announce)
    except ExceptionGroup as group:
        # Task groups wrap what goes wrong inside of them: one thing alone did.
        raise _innermost(group) from None


def note_failure(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What failed with nobody waiting for it (a callback, a connection's task): to the log, and the service goes on.

    Its kind and place alone: its text may quote content, and so may what asyncio tells of a callback.
    """
    error = context.get("exception")
    failure = Failure("", "") if error is None else Failure.of(error)
    what = context["message"].partition(" in callback ")[0]
    _log.error("loop.failure", what=what, error=failure.error, at=failure.place)


def _innermost(group: ExceptionGroup) -> Exception:
    first: Exception = group.exceptions[0]
    return _innermost(first) if isinstance(first, ExceptionGroup) else first


async def _run(settings: Settings, stopping: asyncio.Event, announce: Callable[[Listening], None]) -> None:
    with closing(await take_over(settings.state)) as folder, http_server.bound(settings.portal_listen) as portal_door:
        portal = BaseUrl.parse(portal_url(settings, portal_door.getsockname()[1]))
        host = mail_host(portal)
        endpoints = BoundEndpoints(settings)
        jobs = Jobs()
        async with (
            open_rooms(
                settings, folder, advertised=endpoints, jobs=jobs, clock=system_clock, new_id=random_id
            ) as rooms,
            _analysing(settings, rooms) as pipeline,
            Background(rooms, jobs, mail_host=host).running(folder.jobs_database),
            Doors(settings, rooms, pipeline, portal, endpoints, mail_host=host).open(portal_door),
            serving(folder.path, administration(rooms, lambda: portal)),
        ):
            announce(_listening(endpoints, portal, folder))
            await stopping.wait()


@asynccontextmanager
async def _analysing(settings: Settings, rooms: Rooms) -> AsyncIterator[Pipeline]:
    """Analysis processes, and what hands files to them."""
    workers = Workers(settings.workers or os.cpu_count() or 1)
    workers.start()
    pipeline = Pipeline(workers, rooms.verdicts, rule_set(Limits()), rooms.clock)
    try:
        async with pipeline.running():
            yield pipeline
    finally:
        await workers.close()


def _listening(endpoints: BoundEndpoints, portal: BaseUrl, folder: StateFolder) -> Listening:
    at = endpoints()
    enrolment, device = (str(Address(at.host, port)) for port in (at.enrolment_port, at.device_port))
    return Listening(enrolment, device, portal.url(""), str(folder.path), os.getpid())


def mail_host(portal: BaseUrl) -> str:
    """This cloud's own name in mail (EHLO, Message-ID, From without a notice address): the portal's, if it has one."""
    host = urlsplit(portal.origin).hostname or "localhost"
    try:
        ip_address(host)
    except ValueError:
        return host
    return "localhost"
