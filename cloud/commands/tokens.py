"""srx-cloud token create."""

import re
from typing import Annotated, Final

import typer

from cloud.commands.asking import Place, ask, reporting
from cloud.commands.options import Config, Json, RealmName, State
from cloud.commands.output import print_json, print_line, when
from cloud.control import tokens
from cloud.errors import InvalidRequest

_LIFETIME: Final = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def create(
    realm: RealmName = None,
    serial: Annotated[
        str | None, typer.Option("--serial", help="The one serial number that may use it; any, where none is given.")
    ] = None,
    lifetime: Annotated[str, typer.Option("--lifetime", help="How long it may be used: 30m, 1h, 7d at most.")] = "1h",
    state: State = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Print an enrolment URL for one device. It is shown once."""
    with reporting(as_json=as_json):
        params = tokens.CreateToken(realm, serial, seconds_of(lifetime))
        link = ask(Place(state, config), tokens.CREATE, params)
        if as_json:
            return print_json(link)
        print_line(link.url)
        for_whom = f"serial number {link.serial}" if link.serial else "any serial number"
        print_line(f"It enrols one device ({for_whom}) into realm {link.realm}, until {when(link.expires_at)} UTC.")
        return print_line(
            "Next, on the device: srx enroll - and paste the URL, or srx enroll 'URL' (quoted: it holds an &)."
        )


def seconds_of(text: str) -> int:
    """A length of time such as 90s, 30m, 1h or 7d. Raises InvalidRequest."""
    found = _LIFETIME.fullmatch(text)
    if found is None:
        raise InvalidRequest(f"{text} is no length of time", next_step="Write 90s, 30m, 1h or 7d.")
    return int(found[1]) * _SECONDS[found[2]]
