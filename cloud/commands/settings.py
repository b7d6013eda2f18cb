"""srx-cloud settings show|set."""

from typing import Annotated

import typer

from cloud.commands.asking import Place, ask, reporting
from cloud.commands.options import Config, Json, RealmName, State
from cloud.commands.output import print_json, print_table
from cloud.control import settings
from cloud.errors import InvalidRequest


def show(realm: RealmName = None, state: State = None, config: Config = None, as_json: Json = False) -> None:
    """Show a realm's settings."""
    with reporting(as_json=as_json):
        _print(ask(Place(state, config), settings.SHOW, settings.ShowSettings(realm)), as_json)


def change(
    values: Annotated[
        list[str],
        typer.Argument(metavar="KEY=VALUE...", help="Several values of one setting are separated by commas."),
    ],
    realm: RealmName = None,
    state: State = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Set some of a realm's settings, all or none; devices have them within a second."""
    with reporting(as_json=as_json):
        params = settings.SetSettings(realm, dict(_pair(each) for each in values))
        _print(ask(Place(state, config), settings.SET, params), as_json)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidRequest(
            f"{text} sets nothing", next_step="Write KEY=VALUE; srx-cloud settings show lists the keys."
        )
    return name.strip().replace("-", "_"), value


def _print(view: settings.SettingsView, as_json: bool) -> None:
    if as_json:
        return print_json(view)
    return print_table(("SETTING", f"REALM {view.realm}, REVISION {view.policy_revision}"), view.settings.items())
