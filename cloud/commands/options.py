"""The options that commands share, with the same names everywhere."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

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

Choice = TypeVar("Choice", bound=StrEnum)


def one_of(choices: type[Choice]) -> Callable[[str], Choice]:
    """A parser for one of a few words; whoever writes another one is told which there are."""

    def parse(text: str) -> Choice:
        try:
            return choices(text)
        except ValueError as error:
            raise typer.BadParameter(f"{text} is not one of {', '.join(choices)}") from error

    return parse


def metavar_of(choices: type[StrEnum]) -> str:
    """How such an option stands in --help: one|two|three."""
    return "|".join(choices)
