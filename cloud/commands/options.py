"""The options that commands share, with the same names everywhere."""

from pathlib import Path
from typing import Annotated

import typer

State = Annotated[
    str | None,
    typer.Option(
        "--state", metavar="FOLDER", help="The state folder. SRX_CLOUD_STATE; default: the user's state folder."
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="A settings file (TOML). Default: settings.toml in the state folder."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
RealmName = Annotated[
    str | None, typer.Option("--realm", metavar="NAME", help="The realm; may be left out where there is only one.")
]
