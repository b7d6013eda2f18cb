"""`srx-cloud`: every command, and the function that it calls."""

import sys
from importlib import metadata
from types import TracebackType
from typing import Annotated

import typer

from cloud.commands import console, devices, events, lists, quarantine, realms, serve, settings, tokens


def main() -> None:
    """The console script."""
    sys.excepthook = _last_words
    typer.main.get_command(make_app())(prog_name="srx-cloud")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"srx-cloud {metadata.version('srxlab')}")
        raise typer.Exit


def make_app() -> typer.Typer:
    """The tree of commands."""
    app = _group("The cloud that SRX devices enrol with: verdicts, quarantine, policy.")
    app.callback()(_srx_cloud)
    app.command("serve")(serve.serve)
    app.command("events")(events.show)

    realm = _group("Realms: the tenants that devices enrol into.")
    realm.command("create")(realms.create)
    realm.command("list")(realms.show)
    app.add_typer(realm, name="realm")

    token = _group("Enrolment tokens.")
    token.command("create")(tokens.create)
    app.add_typer(token, name="token")

    device = _group("Enrolled devices.")
    device.command("list")(devices.show)
    device.command("revoke")(devices.revoke)
    app.add_typer(device, name="device")

    portal = _group("The administrator's console.")
    portal.command("link")(console.link)
    app.add_typer(portal, name="console")

    held = _group("Quarantined messages.")
    held.command("list")(quarantine.show_all)
    held.command("show")(quarantine.show)
    held.command("release")(quarantine.release)
    held.command("delete")(quarantine.delete)
    app.add_typer(held, name="quarantine")

    entries = _group("A realm's allowlist and blocklist.")
    entries.command("add")(lists.add)
    entries.command("remove")(lists.remove)
    entries.command("show")(lists.show)
    app.add_typer(entries, name="list")

    knobs = _group("A realm's settings.")
    knobs.command("show")(settings.show)
    knobs.command("set")(settings.change)
    app.add_typer(knobs, name="settings")
    return app


def _srx_cloud(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The cloud that SRX devices enrol with: verdicts, quarantine, policy."""


def _group(about: str) -> typer.Typer:
    return typer.Typer(help=about, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _last_words(kind: type[BaseException], _error: BaseException, where: TracebackType | None) -> None:
    """A bug of ours, at the end of the process: where it was, for a report; never a traceback with what was in memory."""
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = f"{where.tb_frame.f_code.co_name}, line {where.tb_lineno}" if where is not None else "an unknown place"
    sys.stderr.write(f"srx-cloud: something went wrong in srx-cloud itself ({kind.__name__} in {place})\n")
    sys.stderr.write("Please report it with the command that you gave.\n")
