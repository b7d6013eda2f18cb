"""srx-cloud serve."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloud import log
from cloud.commands.asking import OWNER_ONLY, reporting
from cloud.commands.options import Config, Json, State, metavar_of, one_of
from cloud.control import realms
from cloud.control.door import ServiceDoor
from cloud.settings import LogFormat, LogLevel, Settings

if TYPE_CHECKING:
    from cloud.service import Listening

    Announce = Callable[[Listening], Awaitable[None]]


_Level = Annotated[
    LogLevel | None,
    typer.Option(
        "--log-level",
        parser=one_of(LogLevel),
        metavar=metavar_of(LogLevel),
        help="What is logged, to standard error.",
    ),
]
_Format = Annotated[
    LogFormat | None,
    typer.Option(
        "--log-format", parser=one_of(LogFormat), metavar=metavar_of(LogFormat), help="Lines for people, or JSON."
    ),
]


def serve(
    state: State = None,
    config: Config = None,
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", help="The master key's file, outside of the state. Default: FOLDER.key."),
    ] = None,
    enrolment_listen: Annotated[
        str | None,
        typer.Option("--enrolment-listen", metavar="HOST:PORT", help="Enrolment port. Default 127.0.0.1:8743."),
    ] = None,
    device_listen: Annotated[
        str | None, typer.Option("--device-listen", metavar="HOST:PORT", help="Device port. Default 127.0.0.1:8744.")
    ] = None,
    portal_listen: Annotated[
        str | None, typer.Option("--portal-listen", metavar="HOST:PORT", help="Portal (HTTP). Default 127.0.0.1:8780.")
    ] = None,
    advertised_host: Annotated[
        str | None,
        typer.Option("--advertised-host", metavar="HOST", help="The host under which devices reach this cloud."),
    ] = None,
    portal_url: Annotated[
        str | None,
        typer.Option("--portal-url", metavar="URL", help="The base of links in mail. https, or http on loopback."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Analysis processes; 0, the default: one a processor.")
    ] = None,
    log_level: _Level = None,
    log_format: _Format = None,
    as_json: Json = False,
) -> None:
    """Run the cloud until SIGTERM or SIGINT. Prints where it listens once it is ready; with --json as one line."""
    flags = {
        "state": state,
        "key_file": key_file,
        "enrolment_listen": enrolment_listen,
        "device_listen": device_listen,
        "portal_listen": portal_listen,
        "advertised_host": advertised_host,
        "portal_url": portal_url,
        "workers": workers,
        "log_level": log_level,
        "log_format": log_format,
    }
    with reporting(as_json=as_json):
        given = {name: None if value is None else str(value) for name, value in flags.items()}
        settings = Settings.read(given, os.environ, config)
        log.configure(settings.log_level, settings.log_format)
        os.umask(OWNER_ONLY)
        # A child that gRPC forked would abort; ours are spawned, and this keeps gRPC from warning of each.
        os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
        asyncio.run(_serve(settings, _as_json if as_json else _for_people))


async def _serve(settings: Settings, announce: "Announce") -> None:
    from cloud.service import run  # noqa: PLC0415 - gRPC, HTTP and jobs take a second to load: other commands do without

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopping.set)
    ready: asyncio.Future[Listening] = loop.create_future()
    # No task group: it would wrap what goes wrong, and the command's boundary wants the thing itself.
    await asyncio.gather(run(settings, stopping, ready.set_result), _announce(ready, announce))


async def _announce(ready: "asyncio.Future[Listening]", announce: "Announce") -> None:
    await announce(await ready)


async def _as_json(listening: "Listening") -> None:
    print(json.dumps({"event": "ready", **asdict(listening)}), flush=True)  # noqa: T201 - the command's output


async def _for_people(listening: "Listening") -> None:
    view = await ServiceDoor(Path(listening.state)).ask(realms.LIST, realms.ListRealms())
    first = "" if view.realms else " Next: srx-cloud realm create NAME, then srx-cloud token create."
    lines = (
        f"enrolment  {listening.enrolment}",
        f"devices    {listening.device}",
        f"portal     {listening.portal}",
        f"state      {listening.state}",
        f"Ready.{first} Ctrl-C ends it.",
    )
    print(*lines, sep="\n", flush=True)  # noqa: T201 - the command's output
