"""The passwords of released ZIPs: one a release, strong, easy to read out, sealed where they are kept.

Shown on the portal's page where the realm's setting password_on_portal says so, else sent beside the ZIP.
"""

from collections.abc import Callable
from typing import Final, Protocol

from cloud.release.progress import Release
from cloud.storage.releases import ReleaseStore

_PURPOSE: Final = "release-password"
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""31 characters, none of which is taken for another (no i, l, o, 0, 1)."""
_GROUPS: Final = 5
_OF: Final = 4

Choose = Callable[[str], str]
"""One of the characters, by chance that nobody can guess: secrets.choice."""


class Sealing(Protocol):
    """Whoever seals small secrets: the key ring."""

    def seal(self, realm_id: str, purpose: str, data: bytes) -> bytes:
        """For that realm and purpose alone."""

    def unseal(self, realm_id: str, purpose: str, sealed: bytes) -> bytes:
        """What was sealed. Raises Damaged."""


class Passwords:
    """Makes passwords, and tells them to whoever may know."""

    def __init__(self, releases: ReleaseStore, ring: Sealing, choose: Choose) -> None:
        self._releases = releases
        self._ring = ring
        self._choose = choose

    async def of(self, release: Release) -> str:
        """The release's password, the same for every recipient and attempt."""
        sealed = release.sealed_password
        if sealed is None:
            fresh = self._ring.seal(release.realm_id, _PURPOSE, self._new().encode())
            sealed = await self._releases.keep_password(release.id, fresh)
        return self._ring.unseal(release.realm_id, _PURPOSE, sealed).decode()

    async def of_message(self, realm_id: str, message_id: str) -> str | None:
        """The password of the message's last release; None where there was none, or no ZIP was made."""
        latest = await self._releases.latest(realm_id, message_id)
        if latest is None or latest.release.sealed_password is None:
            return None
        return await self.of(latest.release)

    def _new(self) -> str:
        """Twenty characters in groups of four: 99 bits."""
        groups = ("".join(self._choose(_ALPHABET) for _ in range(_OF)) for _ in range(_GROUPS))
        return "-".join(groups)
