"""srx-cloud list add|remove|show."""

import sys
from dataclasses import dataclass
from typing import Annotated, Final

import typer

from cloud.commands.asking import Place, ask, reporting
from cloud.commands.options import Config, Json, RealmName, State, one_of
from cloud.commands.output import print_json, print_line
from cloud.control import lists
from cloud.control.operation import Operation
from cloud.errors import InvalidRequest
from cloud.policy.lists import ListName

_Which = Annotated[ListName, typer.Argument(metavar="allow|block", help="Which list.", parser=one_of(ListName))]
_Entries = Annotated[
    list[str],
    typer.Argument(metavar="ENTRY...", help="Addresses, *@domain, domains, or <>; - reads them from standard input."),
]


@dataclass(frozen=True, slots=True)
class _Words:
    """How a change is told: of the entries that it changed, and of those that were so before."""

    changed: str
    unchanged: str


_ADDED: Final = _Words("added to", "already there")
_REMOVED: Final = _Words("removed from", "not there")


def add(
    which: _Which,
    entries: _Entries,
    realm: RealmName = None,
    state: State = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Put entries on a list; devices have them within a second."""
    with reporting(as_json=as_json):
        _change(Place(state, config), lists.ADD, lists.ChangeList(realm, which, _all(entries)), _ADDED, as_json)


def remove(
    which: _Which,
    entries: _Entries,
    realm: RealmName = None,
    state: State = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Take entries off a list; devices know within a second."""
    with reporting(as_json=as_json):
        change = lists.ChangeList(realm, which, _all(entries))
        _change(Place(state, config), lists.REMOVE, change, _REMOVED, as_json)


def show(
    which: Annotated[
        ListName | None,
        typer.Argument(metavar="[allow|block]", help="Which list; both by default.", parser=one_of(ListName)),
    ] = None,
    realm: RealmName = None,
    state: State = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show the entries of a list, one a line."""
    with reporting(as_json=as_json):
        view = ask(Place(state, config), lists.SHOW, lists.ShowLists(realm, which))
        if as_json:
            return print_json(view)
        for name, entries in view.lists.items():
            if which is None:
                print_line(f"{name}: {len(entries)}")
            for entry in entries:
                print_line(entry if which is not None else f"  {entry}")
        return None


def _change(
    place: Place,
    operation: Operation[lists.ChangeList, lists.ListChange],
    params: lists.ChangeList,
    words: _Words,
    as_json: bool,
) -> None:
    change = ask(place, operation, params)
    if as_json:
        return print_json(change)
    for entry in change.changed:
        print_line(entry)
    same = f", {change.unchanged} {words.unchanged}" if change.unchanged else ""
    return print_line(f"{len(change.changed)} {words.changed} the {change.list} list of {change.realm}{same}.")


def _all(entries: list[str]) -> tuple[str, ...]:
    """The arguments, with - replaced by the lines of standard input; blank lines and # comments are left out."""
    if "-" not in entries:
        return tuple(entries)
    try:
        lines = [line.strip() for line in sys.stdin]
    except UnicodeDecodeError as error:
        raise InvalidRequest("standard input is no UTF-8 text", next_step="Give one entry a line.") from error
    read = [line for line in lines if line and not line.startswith("#")]
    return (*(entry for entry in entries if entry != "-"), *read)
