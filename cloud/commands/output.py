"""How results are shown: JSON for programs, tables and lines for people. What others wrote can't steer the terminal."""

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cloud.control.wire import error_json, to_json
from cloud.errors import CloudError

_WIDTH_OF_FILES: Final = 200
"""Columns where the output is no terminal: nothing is cut."""
_NARROWEST: Final = 80
"""Columns of a table: a terminal that has fewer wraps its lines, and nothing is lost."""


def print_json(result: object) -> None:
    """A result as one JSON object; whatever is not ASCII is escaped, so no terminal can be steered by it."""
    print(json.dumps(to_json(result), indent=2))  # noqa: T201 - the command's output


def print_error(error: CloudError, *, as_json: bool) -> None:
    """What went wrong and what to do: for people on standard error, for programs also as JSON on standard output."""
    if as_json:
        print(json.dumps({"error": error_json(error)}, indent=2))  # noqa: T201 - the command's output
    print(f"srx-cloud: {printable(error.sentence)}", file=sys.stderr)  # noqa: T201 - same
    if error.next_step:
        print(printable(error.next_step), file=sys.stderr)  # noqa: T201 - same


def print_line(text: str) -> None:
    """One line, never wrapped: it may be a URL that somebody copies."""
    print(printable(text))  # noqa: T201 - the command's output


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under their headings; long cells are folded, not cut. The first column stays whole: it holds what is copied."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(columns[0], no_wrap=True, overflow="ignore")
    for column in columns[1:]:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(each)) for each in row))
    console().print(table)


def console() -> Console:
    """Standard output; wide where nobody looks at it directly."""
    width = max(shutil.get_terminal_size().columns, _NARROWEST) if sys.stdout.isatty() else _WIDTH_OF_FILES
    return _Console(file=sys.stdout, width=width, highlight=False, markup=False)


class _Console(Console):
    """Leaves it to the command's boundary (asking.reporting) that nobody reads on."""

    def on_broken_pipe(self) -> None:
        """Called by Rich while it handles the BrokenPipeError."""
        raise  # noqa: PLE0704 - see above


def printable(text: str) -> str:
    """The text with everything that could move a cursor, change a colour or turn the direction written out."""
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def when(time: datetime | None) -> str:
    """A time to the second, in UTC."""
    return "-" if time is None else time.strftime("%Y-%m-%d %H:%M:%S")


def _cell(value: object) -> str:
    match value:
        case datetime():
            return when(value)
        case None | "":
            return "-"
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return printable(", ".join(str(each) for each in value)) or "-"
        case _:
            return printable(str(value))


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"
