"""Changes of a realm's policy: committed first, then every watching device is told. All changes go through here."""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from atp.identity import RealmId
from cloud.clock import Clock
from cloud.errors import InvalidRequest
from cloud.policy.broadcast import PolicyBroadcast
from cloud.policy.lists import ListName, Lists, normalised
from cloud.policy.realm import Realm
from cloud.policy.snapshot import Policy, fits
from cloud.policy.sound import made_sound
from cloud.storage.lists import ListStore
from cloud.storage.realms import RealmStore


class PublicKeys(Protocol):
    """Who knows the keys that a realm's release passes are verified with."""

    async def public_keys(self, realm_id: str) -> Mapping[str, bytes]:
        """Ed25519 public keys by key id: the one in use, and those whose passes may still be on their way."""


class PolicyEditor:
    """What an administrator can do to a realm's policy, and what devices are then told."""

    def __init__(
        self, realms: RealmStore, lists: ListStore, keys: PublicKeys, broadcast: PolicyBroadcast, clock: Clock
    ) -> None:
        self._realms = realms
        self._lists = lists
        self._keys = keys
        self._broadcast = broadcast
        self._clock = clock
        self._editing = asyncio.Lock()

    async def policy(self, realm_id: RealmId) -> Policy:
        """The policy in force. Raises NotFound."""
        realm, lists = await self._lists.policy_of(realm_id)
        return Policy(realm, lists, await self._keys.public_keys(realm_id))

    async def revision(self, realm_id: RealmId) -> int:
        """The revision in force. Raises NotFound."""
        return (await self._realms.by_id(realm_id)).policy_revision

    async def lists(self, realm_id: RealmId) -> Lists:
        """Both lists. Raises NotFound."""
        return (await self._lists.policy_of(realm_id))[1]

    async def add_entries(self, realm_id: RealmId, name: ListName, entries: tuple[str, ...]) -> tuple[str, ...]:
        """Put entries on a list, all or none; the new ones are given back. Raises InvalidRequest, TooLarge."""
        added = await self._lists.add(realm_id, name, normalised(entries), self._clock())
        return self._told(realm_id, added)

    async def remove_entries(self, realm_id: RealmId, name: ListName, entries: tuple[str, ...]) -> tuple[str, ...]:
        """Take entries off a list; those that were on it are given back. Raises InvalidRequest."""
        removed = await self._lists.remove(realm_id, name, normalised(entries), self._clock())
        return self._told(realm_id, removed)

    async def change_settings(self, realm_id: RealmId, values: Mapping[str, Any]) -> Realm:
        """Set some settings, all or none. Raises InvalidRequest that names the one at fault."""
        async with self._editing:
            realm = await self._realms.by_id(realm_id)
            settings = made_sound(realm.settings.changed(dict(values)))
            if not fits(settings):
                raise InvalidRequest("these settings are too long", next_step="Name fewer protected domains.")
            if settings != realm.settings:
                realm = await self._realms.change_settings(realm_id, settings, self._clock())
                self._broadcast.changed(realm_id)
            return realm

    async def release_keys_changed(self, realm_id: RealmId) -> None:
        """Tell the devices that the realm's release keys are others now."""
        await self._realms.policy_changed(realm_id, self._clock())
        self._broadcast.changed(realm_id)

    async def overtake(self, realm_id: RealmId, revision: int) -> None:
        """Raise the revision beyond one that a device has: after a restored backup ours may be lower than what was told."""
        await self._realms.policy_changed(realm_id, self._clock(), beyond=revision)
        self._broadcast.changed(realm_id)

    def _told(self, realm_id: RealmId, entries: tuple[str, ...]) -> tuple[str, ...]:
        if entries:
            self._broadcast.changed(realm_id)
        return entries
