"""How a command has an operation done: it finds the state, goes through its door, and says so if it could not."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import typer

from cloud import log
from cloud.commands.output import print_error
from cloud.control.door import open_door
from cloud.control.operation import Operation
from cloud.control.wire import is_wrong_usage
from cloud.errors import CloudError
from cloud.rooms import opened_for_command
from cloud.settings import Settings, state_of

Params = TypeVar("Params")
Result = TypeVar("Result")

FAILED: Final = 1
WRONG_USAGE: Final = 2
NOBODY_READS: Final = 141
"""As a shell tells of a program that SIGPIPE ended: `srx-cloud events | head`."""

OWNER_ONLY: Final = 0o077


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command's state is, as the command line says."""

    state: str | None
    config: Path | None

    def settings(self) -> Settings:
        """All settings, for work without a service. Raises WrongSetting."""
        return Settings.read({"state": self.state}, os.environ, self.config)

    def folder(self) -> Path:
        """The state folder alone: whoever goes through the socket may not be allowed to read the settings in it."""
        return state_of(self.state, os.environ, self.config)


def ask(place: Place, operation: Operation[Params, Result], params: Params, *, make: bool = False) -> Result:
    """Have the operation done by the running service, or here. Raises CloudError."""
    os.umask(OWNER_ONLY)
    return asyncio.run(_ask(place, operation, params, make=make))


async def _ask(place: Place, operation: Operation[Params, Result], params: Params, *, make: bool) -> Result:
    async with open_door(
        place.folder(), lambda folder: opened_for_command(place.settings(), folder), make=make
    ) as door:
        return await door.ask(operation, params)


@contextmanager
def reporting(*, as_json: bool) -> Iterator[None]:
    """Turns what goes wrong in the block into a sentence, a next step, and exit status 1 (failed) or 2 (wrong usage)."""
    try:
        log.configure_for_command(os.environ)
        yield
        sys.stdout.flush()
    except CloudError as error:
        print_error(error, as_json=as_json)
        raise typer.Exit(WRONG_USAGE if is_wrong_usage(error) else FAILED) from None
    except BrokenPipeError:
        _let_go_of_output()
        raise typer.Exit(NOBODY_READS) from None
    except OSError as error:
        print_error(_from_system(error), as_json=as_json)
        raise typer.Exit(FAILED) from None


def _let_go_of_output() -> None:
    """What is still buffered goes nowhere, so that Python's own flush at the end has nothing to complain of."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _from_system(error: OSError) -> CloudError:
    what = error.strerror or str(error)
    return CloudError(f"{error.filename}: {what}" if error.filename else what, next_step="See to that, then try again.")
