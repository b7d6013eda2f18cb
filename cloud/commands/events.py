"""srx-cloud events."""

from typing import Annotated

import typer

from cloud.commands.asking import Place, ask, reporting
from cloud.commands.options import Config, Json, RealmName, State
from cloud.commands.output import print_json, print_line, print_table
from cloud.control import events


def show(
    limit: Annotated[int, typer.Option("--limit", help="How many events, the latest ones.")] = 50,
    realm: RealmName = None,
    state: State = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show what a realm's devices reported last, the newest at the end."""
    with reporting(as_json=as_json):
        view = ask(Place(state, config), events.SHOW, events.ShowEvents(realm, limit))
        if as_json:
            return print_json(view)
        if not view.events:
            return print_line("No device has reported anything yet.")
        rows = [(each.time, each.device, each.name, _fields(each)) for each in view.events]
        return print_table(("TIME (UTC)", "DEVICE", "EVENT", "FIELDS"), rows)


def _fields(event: events.EventView) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(event.fields.items()))
