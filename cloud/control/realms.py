"""Realms: made and listed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cloud.control.administration import Administration
from cloud.control.operation import Operation
from cloud.policy.realm import Realm


@dataclass(frozen=True, slots=True)
class CreateRealm:
    """A name of 1 to 63 letters, digits, dots, hyphens or underscores."""

    name: str


@dataclass(frozen=True, slots=True)
class ListRealms:
    """All of them."""


@dataclass(frozen=True, slots=True)
class RealmView:
    """A realm as it is shown."""

    id: str
    name: str
    created_at: datetime
    policy_revision: int


@dataclass(frozen=True, slots=True)
class RealmsView:
    """All realms, by name."""

    realms: tuple[RealmView, ...]


async def _create(administration: Administration, params: CreateRealm) -> RealmView:
    realm = await administration.realms.create(params.name, administration.clock())
    await administration.on_new_realm(realm.id)
    await administration.audit.append("realm.created", realm.id, administration.operator, {"name": realm.name})
    return _view(realm)


async def _list(administration: Administration, _params: ListRealms) -> RealmsView:
    return RealmsView(tuple(_view(realm) for realm in await administration.realms.all()))


def _view(realm: Realm) -> RealmView:
    return RealmView(realm.id, realm.name, realm.created_at, realm.policy_revision)


CREATE: Final = Operation("realm.create", CreateRealm, RealmView, _create)
LIST: Final = Operation("realm.list", ListRealms, RealmsView, _list)
