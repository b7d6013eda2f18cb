"""Release keys: one Ed25519 key a realm that signs its passes; devices hold the public halves alone.

Rotation: a new key signs at once and is told to the devices; the old one's passes hold until the longest-lived of them is
over, then it is retired. Where a key may have leaked, rotate(at_once=True) retires the old ones in the same step: passes
that are on their way are refused, their messages inspected, and sent again under the new key.
"""

from datetime import datetime
from typing import Final, Protocol

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from atp.identity import RealmId
from cloud.clock import Clock, NewId
from cloud.release.passes import MAX_LIFETIME, SigningKey
from cloud.storage.release_keys import KeptKey, ReleaseKeyStore

_PURPOSE: Final = "release-key"

_log = structlog.get_logger()


class Sealing(Protocol):
    """Whoever seals small secrets: the key ring."""

    def seal(self, realm_id: str, purpose: str, data: bytes) -> bytes:
        """For that realm and purpose alone."""

    def unseal(self, realm_id: str, purpose: str, sealed: bytes) -> bytes:
        """What was sealed. Raises Damaged."""


class PolicyChanges(Protocol):
    """Whoever tells the devices."""

    async def release_keys_changed(self, realm_id: RealmId) -> None:
        """The realm's release keys are others now."""


class ReleaseKeys:
    """The release keys of all realms."""

    def __init__(self, store: ReleaseKeyStore, ring: Sealing, clock: Clock, new_id: NewId) -> None:
        self._store = store
        self._ring = ring
        self._clock = clock
        self._new_id = new_id

    async def ensure(self, realm_id: str) -> None:
        """Give a new realm its key; one that has a key keeps it."""
        if await self._store.signing(realm_id) is None:
            await self._store.first(self._new_key(realm_id))

    async def public_keys(self, realm_id: str) -> dict[str, bytes]:
        """The Ed25519 public keys whose passes hold, by key id: what devices are told."""
        return {key.id: key.public_key for key in await self._store.valid(realm_id)}

    async def signing(self, realm_id: str) -> SigningKey:
        """The key to mint with; made where the realm has none. Raises Damaged where its private half can't be opened."""
        kept = await self._store.signing(realm_id)
        if kept is None:
            await self.ensure(realm_id)
            return await self.signing(realm_id)
        private = self._ring.unseal(realm_id, _PURPOSE, kept.sealed_private_key)
        return SigningKey(kept.id, realm_id, Ed25519PrivateKey.from_private_bytes(private))

    async def rotate(self, realm_id: str, changes: PolicyChanges, *, at_once: bool = False) -> str:
        """Sign with a new key from now on; its id. `at_once` takes the old ones back as well."""
        key = self._new_key(realm_id)
        await self._store.replace(key)
        if at_once:
            await self._store.retire_replaced(realm_id, key.created_at, key.created_at)
        _log.info("release.key_rotated", realm=realm_id, key=key.id, at_once=at_once)
        await changes.release_keys_changed(RealmId(realm_id))
        return key.id

    async def retire_replaced(self, realm_id: str, changes: PolicyChanges, now: datetime) -> None:
        """Take back replaced keys whose last pass is over; to be called every so often."""
        if await self._store.retire_replaced(realm_id, now - 2 * MAX_LIFETIME, now):
            await changes.release_keys_changed(RealmId(realm_id))

    def _new_key(self, realm_id: str) -> KeptKey:
        private = Ed25519PrivateKey.generate()
        sealed = self._ring.seal(realm_id, _PURPOSE, private.private_bytes_raw())
        public = private.public_key().public_bytes_raw()
        return KeptKey(self._new_id("key"), realm_id, public, sealed, self._clock(), None, None)
