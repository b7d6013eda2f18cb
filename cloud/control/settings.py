"""A realm's settings: shown and set."""

from dataclasses import dataclass
from typing import Any, Final

from cloud.control.administration import Administration
from cloud.control.operation import Operation
from cloud.policy.realm import Realm


@dataclass(frozen=True, slots=True)
class ShowSettings:
    """`realm` may be None where there is only one."""

    realm: str | None


@dataclass(frozen=True, slots=True)
class SetSettings:
    """New values by name; as text, or as the setting's own JSON value."""

    realm: str | None
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SettingsView:
    """All settings of a realm in force, by name."""

    realm: str
    policy_revision: int
    settings: dict[str, Any]


async def _show(administration: Administration, params: ShowSettings) -> SettingsView:
    return _view(await administration.realm(params.realm))


async def _set(administration: Administration, params: SetSettings) -> SettingsView:
    realm = await administration.realm(params.realm)
    changed = await administration.policy.change_settings(realm.id, params.values)
    if changed.policy_revision != realm.policy_revision:
        fields = {name: str(changed.settings.to_json()[name]) for name in params.values}
        await administration.audit.append("settings.changed", realm.id, administration.operator, fields)
    return _view(changed)


def _view(realm: Realm) -> SettingsView:
    return SettingsView(realm.name, realm.policy_revision, realm.settings.to_json())


SHOW: Final = Operation("settings.show", ShowSettings, SettingsView, _show)
SET: Final = Operation("settings.set", SetSettings, SettingsView, _set)
