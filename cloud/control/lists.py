"""Allowlist and blocklist of a realm: changed and shown."""

from dataclasses import dataclass
from typing import Final

from atp.identity import RealmId
from cloud.control.administration import Administration
from cloud.control.operation import Operation
from cloud.policy.lists import ListName

_NAMED: Final = 10


@dataclass(frozen=True, slots=True)
class ChangeList:
    """Entries to put on a list or to take off it. `realm` may be None where there is only one."""

    realm: str | None
    list: ListName
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShowLists:
    """`list` None: both."""

    realm: str | None
    list: ListName | None = None


@dataclass(frozen=True, slots=True)
class ListChange:
    """What the change did. Entries in the form in which they are kept; `unchanged` is how many were as asked before."""

    realm: str
    list: ListName
    changed: tuple[str, ...]
    unchanged: int
    policy_revision: int


@dataclass(frozen=True, slots=True)
class ListsView:
    """The entries of the lists that were asked for, by list name."""

    realm: str
    lists: dict[str, list[str]]


async def _add(administration: Administration, params: ChangeList) -> ListChange:
    realm = await administration.realm(params.realm)
    added = await administration.policy.add_entries(realm.id, params.list, params.entries)
    return await _noted(administration, params, realm.id, "list.added", added)


async def _remove(administration: Administration, params: ChangeList) -> ListChange:
    realm = await administration.realm(params.realm)
    removed = await administration.policy.remove_entries(realm.id, params.list, params.entries)
    return await _noted(administration, params, realm.id, "list.removed", removed)


async def _noted(
    administration: Administration, params: ChangeList, realm_id: RealmId, what: str, changed: tuple[str, ...]
) -> ListChange:
    """The change's result; what was changed is noted in the audit log, the first entries by name."""
    if changed:
        fields = {"list": params.list.value, "entries": len(changed), "first": " ".join(changed[:_NAMED])}
        await administration.audit.append(what, realm_id, administration.operator, fields)
    realm = await administration.realms.by_id(realm_id)
    unchanged = len(params.entries) - len(changed)
    return ListChange(realm.name, params.list, changed, unchanged, realm.policy_revision)


async def _show(administration: Administration, params: ShowLists) -> ListsView:
    realm = await administration.realm(params.realm)
    lists = await administration.policy.lists(realm.id)
    names = tuple(ListName) if params.list is None else (params.list,)
    return ListsView(realm.name, {name.value: list(lists.named(name)) for name in names})


ADD: Final = Operation("list.add", ChangeList, ListChange, _add)
REMOVE: Final = Operation("list.remove", ChangeList, ListChange, _remove)
SHOW: Final = Operation("list.show", ShowLists, ListsView, _show)
