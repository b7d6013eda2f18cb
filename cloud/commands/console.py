"""srx-cloud console link."""

from cloud.commands.asking import Place, ask, reporting
from cloud.commands.options import Config, Json, RealmName, State
from cloud.commands.output import print_json, print_line, when
from cloud.control import console


def link(realm: RealmName = None, state: State = None, config: Config = None, as_json: Json = False) -> None:
    """Print a link that signs an administrator into a realm's console, once."""
    with reporting(as_json=as_json):
        made = ask(Place(state, config), console.LINK, console.MakeLink(realm))
        if as_json:
            return print_json(made)
        print_line(made.url)
        return print_line(f"It signs in to realm {made.realm} once, until {when(made.expires_at)} UTC.")
