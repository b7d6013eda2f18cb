"""`srx`: the device's command line. Each command is arguments → one call; exit codes 0, 1, 2: done, failed, wrong usage."""

import asyncio
import contextlib
import json
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from device import appliance, control, options, showing
from device.enrollment import enrol, identity
from device.errors import DeviceError, NotReloaded, NotRunning, UnreadableFile, WrongSetting
from device.interception.leftovers import cleared_away
from device.logging import configure
from device.settings import LogFormat, LogLevel, Settings, state_folder

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="An SRX-like device that inspects the mail passing through it. Enrol it, then run it in front of a mail server.",
)

State = Annotated[
    Path | None, typer.Option("--state", help="Folder of identity and policy (default: the user's state folder).")
]
_RELOAD_SECONDS: Final = 600.0
"""Workers are replaced one after another, and each new one is awaited."""
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def main() -> None:
    """Run a command; what goes wrong is said in a sentence, never as a traceback."""
    configure(LogFormat.TEXT, LogLevel.ERROR)
    try:
        app()
    except DeviceError as error:
        typer.echo(f"srx: {error.sentence}", err=True)
        if error.next_step:
            typer.echo(f"     {error.next_step}", err=True)
        sys.exit(2 if isinstance(error, WrongSetting) else 1)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"srx {metadata.version('srxlab')}")
        raise typer.Exit


@app.callback()
def srx(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """What stands before every command."""


@app.command()
def enroll(
    url: Annotated[str, typer.Argument(help="What `srx-cloud token create` printed; - reads it from standard input.")],
    state: State = None,
    serial: Annotated[str, typer.Option(help="The appliance's serial number.")] = "",
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Enrol anew where the device is enrolled.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make this device a member of a realm. On a shared machine use -, since arguments show in ps."""
    text = sys.stdin.readline() if url == "-" else url
    folder = state_folder(state, os.environ)
    made = asyncio.run(_enrol(text, folder, serial, replace=replace))
    told = {"realm": made.realm_name, "device_id": made.device_id, "cloud": made.endpoint}
    _print(told, as_json, f"Device enrolled successfully!\nRealm {made.realm_name}, device {made.device_id}.")


@app.command()
def disenroll(state: State = None, *, as_json: AsJson = False) -> None:
    """End the enrolment: the cloud refuses this device from now on, and the identity is removed here."""
    folder = state_folder(state, os.environ)
    left = asyncio.run(_disenrol(folder))
    _print({"realm": left}, as_json, f"The device left realm {left}.")


@app.command()
def run(
    server: options.Server = None,
    intercept: options.Intercept = None,
    bridge: options.Bridge = None,
    ports: options.Ports = None,
    when_stopped: options.WhenStopped = None,
    listen: options.Listen = None,
    state: State = None,
    client_address: options.ClientAddress = None,
    accept_open_relay: options.AcceptOpenRelay = None,
    starttls: options.Starttls = None,
    tls_certificate: options.TlsCertificate = None,
    tls_key: options.TlsKey = None,
    tls_inspection_ca: options.TlsInspectionCa = None,
    tls_verify_server: options.TlsVerifyServer = None,
    tls_server_name: options.TlsServerName = None,
    tls_listen: options.TlsListen = None,
    tls_server: options.TlsServer = None,
    verdict_threshold: options.VerdictThreshold = None,
    fallback_action: options.FallbackAction = None,
    fallback: options.Fallback = None,
    verdict_timeout: options.VerdictTimeout = None,
    submission_timeout: options.SubmissionTimeout = None,
    verdict_lifetime: options.VerdictLifetime = None,
    failure_lifetime: options.FailureLifetime = None,
    first_seen: options.FirstSeen = None,
    delivery: options.Delivery = None,
    max_message_size: options.MaxMessageSize = None,
    max_held_bytes: options.MaxHeldBytes = None,
    spill_above: options.SpillAbove = None,
    max_spilled_bytes: options.MaxSpilledBytes = None,
    spill_folder: options.SpillFolder = None,
    max_sessions: options.MaxSessions = None,
    max_client_sessions: options.MaxClientSessions = None,
    stop_grace: options.StopGrace = None,
    workers: options.Workers = None,
    log_format: options.LogFormat = None,
    log_level: options.LogLevel = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Inspect mail: take SMTP connections, open each to the real server, and hold every message until it is decided."""
    flags = {name: value for name, value in locals().items() if name != "as_json"}
    appliance.run(Settings.read({**flags, "fallback": fallback or None}, os.environ), as_json=as_json)


@app.command()
def inspect(
    files: Annotated[list[Path], typer.Argument(help="Captures (pcap, pcapng) and messages (.eml).")],
    max_message_size: Annotated[str | None, typer.Option(help="Bytes (default: 33554432).")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a message.")] = False,
) -> None:
    """Say what the device would have done with the mail in files, and why. Asks nobody: scores stay open."""
    from device.inspection import offline  # noqa: PLC0415 - scapy takes most of a second, and nothing else needs it

    limit = Settings.read({"max_message_size": max_message_size}, os.environ).max_message_size
    failures: list[UnreadableFile] = []
    for path in files:
        try:
            for told in offline.inspect(path, limit):
                typer.echo(json.dumps(told.as_json()) if as_json else told.as_text())
        except UnreadableFile as failure:
            failures.append(failure)
    if failures:
        raise UnreadableFile(" ".join(failure.sentence for failure in failures))


@app.command()
def tap(
    interface: Annotated[str, typer.Option(help="The interface to watch.")],
    port: Annotated[
        list[int] | None,
        typer.Option(min=1, max=65_535, help="A TCP port of mail; may be repeated (default: 25, 465, 587, 2525)."),
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many messages.")] = None,
    max_message_size: options.MaxMessageSize = None,
    max_held_bytes: options.MaxHeldBytes = None,
    max_connections: Annotated[int, typer.Option(min=1, help="Connections that are followed at once.")] = 20_000,
    *,
    promiscuous: Annotated[
        bool, typer.Option("--promiscuous", help="Also take frames for other machines (at a mirror port).")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a message.")] = False,
) -> None:
    """Watch a copy of the traffic, and say of each message what the device would have done. Needs CAP_NET_RAW."""
    from device import tap as tapping  # noqa: PLC0415 - scapy takes most of a second, and nothing else needs it
    from device.interception.connection import SMTP_PORTS  # noqa: PLC0415 - as above

    sizes = {"max_message_size": max_message_size, "max_held_bytes": max_held_bytes}
    settings = Settings.read(sizes, os.environ)
    tapping.run(
        tapping.Wanted(
            interface,
            frozenset(port or SMTP_PORTS),
            promiscuous,
            settings.max_message_size,
            settings.max_held_bytes,
            max_connections,
            count,
            as_json,
        )
    )


@app.command()
def stop(
    state: State = None,
    *,
    let_pass: Annotated[
        bool, typer.Option("--let-pass", help="Let mail pass afterwards, also where the device was to fail closed.")
    ] = False,
) -> None:
    """Let mail under way finish, then end the running device; where it crashed, take back the rules that it left."""
    folder = state_folder(state, os.environ)
    try:
        asyncio.run(control.ask(folder, "stop-let-pass" if let_pass else "stop"))
        typer.echo("The device stops.")
    except NotRunning:
        if not cleared_away(folder, let_pass=let_pass):
            raise
        typer.echo("No device runs; the rules that it left are taken back.")


@app.command()
def reload(state: State = None) -> None:
    """Let the running device take up certificates, keys and CA from disk; sessions that are there go on as they are."""
    told = asyncio.run(control.ask(state_folder(state, os.environ), "reload", _RELOAD_SECONDS))
    if "error" in told:
        raise NotReloaded(told["error"], next_step=told["next_step"])
    typer.echo("The device has taken up what is on disk.")


show = typer.Typer(no_args_is_help=True, help="What the running device says of itself.")
app.add_typer(show, name="show")


@show.command("status")
def show_status(state: State = None, *, as_json: AsJson = False) -> None:
    """Enrolment and connection, and what they mean for mail. Works without a running device, too."""
    folder = state_folder(state, os.environ)
    try:
        told = asyncio.run(control.ask(folder, "status"))
    except DeviceError:
        told = showing.without_device(identity.Identity.load(folder))
    _print(told, as_json, showing.status(told))


@show.command("statistics")
def show_statistics(state: State = None, *, as_json: AsJson = False) -> None:
    """Every counter since the device's start."""
    told = asyncio.run(control.ask(state_folder(state, os.environ), "statistics"))
    _print(told, as_json, showing.statistics(told))


@show.command("policy")
def show_policy(state: State = None, *, as_json: AsJson = False) -> None:
    """The policy that the next message is decided by, the cloud's half and the device's."""
    told = asyncio.run(control.ask(state_folder(state, os.environ), "policy"))
    _print(told, as_json, showing.policy(told))


async def _enrol(url: str, folder: Path, serial: str, *, replace: bool) -> identity.Identity:
    made = await enrol.enrol(url, folder, serial=serial, replace=replace)
    await _tell_running_device(folder)
    return made


async def _disenrol(folder: Path) -> str:
    left = await enrol.disenrol(folder)
    await _tell_running_device(folder)
    return left


async def _tell_running_device(folder: Path) -> None:
    """A device that runs on the folder takes up what changed; where none does, nobody has to know."""
    with contextlib.suppress(NotRunning):
        await control.ask(folder, "refresh")


def _print(told: dict[str, Any], as_json: bool, text: str) -> None:
    if as_json:
        typer.echo(json.dumps(told))
    else:
        Console(highlight=False, soft_wrap=True).print(text, markup=False)
