"""The end of what is kept: keys first, since that is what makes content unreadable; then blobs; then the journal.

Each step may be the last before a kill: the next sweep finds what the step before it left.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from cloud.quarantine.vault import Vault
from cloud.storage.quarantine import HeldMessageStore

_ORPHAN_AGE: Final = timedelta(days=1)
"""A blob without a row is one that is being stored now, or one whose store was killed: no store takes a day."""

_BATCH: Final = 500

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did: keys destroyed because their time was over, blobs removed because nothing opens them."""

    expired: int
    blobs: int


class Retention:
    """Sweeps the vault."""

    def __init__(self, store: HeldMessageStore, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def sweep(self, now: datetime) -> Swept:
        """Expire what is due, remove what can't be opened any more. Safe at any time, by one sweeper at a time."""
        expired = await self._store.expire(now)
        useless = await self._store.blobs_without_key()
        for blob in useless:
            await self._remove(blob)
        orphans = await self._remove_orphans(now - _ORPHAN_AGE)
        if expired or useless:
            await self._store.scrub()
        if expired or useless or orphans:
            _log.info("quarantine.swept", expired=expired, blobs=len(useless), orphans=orphans)
        return Swept(expired, len(useless) + orphans)

    async def bury(self, blob: str) -> None:
        """A message's key was destroyed just now: remove its blob, and empty the journal of the key."""
        await self._remove(blob)
        await self._store.scrub()

    async def _remove(self, blob: str) -> None:
        await self._vault.remove(blob)
        await self._store.blob_removed(blob)

    async def _remove_orphans(self, before: datetime) -> int:
        old = [entry.name async for entry in self._vault.entries() if entry.written_at < before]
        removed = 0
        for start in range(0, len(old), _BATCH):
            batch = old[start : start + _BATCH]
            known = await self._store.blobs_known(batch)
            for blob in batch:
                if blob not in known:
                    await self._vault.remove(blob)
                    removed += 1
        return removed
