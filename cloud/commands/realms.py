"""srx-cloud realm create|list."""

from typing import Annotated

import typer

from cloud.commands.asking import Place, ask, reporting
from cloud.commands.options import Config, Json, State
from cloud.commands.output import print_json, print_line, print_table
from cloud.control import realms


def create(
    name: Annotated[str, typer.Argument(help="1 to 63 letters, digits, dots, hyphens or underscores.")],
    state: State = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make a realm, and the state folder if there is none yet."""
    with reporting(as_json=as_json):
        realm = ask(Place(state, config), realms.CREATE, realms.CreateRealm(name), make=True)
        if as_json:
            return print_json(realm)
        print_line(f"Realm {realm.name} is made (id {realm.id}).")
        return print_line(f"Next: srx-cloud token create --realm {realm.name}")


def show(state: State = None, config: Config = None, as_json: Json = False) -> None:
    """Show all realms."""
    with reporting(as_json=as_json):
        view = ask(Place(state, config), realms.LIST, realms.ListRealms())
        if as_json:
            return print_json(view)
        if not view.realms:
            return print_line("There is no realm yet. Next: srx-cloud realm create NAME")
        rows = [(each.name, each.id, each.created_at, each.policy_revision) for each in view.realms]
        return print_table(("NAME", "ID", "CREATED (UTC)", "POLICY REVISION"), rows)
