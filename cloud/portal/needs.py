"""What the portal asks of the other rooms, by the name of the need."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from atp.identity import RealmId
from atp.v1 import quarantine_pb2 as wire
from cloud.policy.realm import Realm
from cloud.quarantine.held import HeldMessage
from cloud.quarantine.lifecycle import Act, Actor, State
from cloud.release.progress import Progress


class Opened(Protocol):
    """A message taken out of the vault: the device's reading of it, and its bytes."""

    @property
    def manifest(self) -> wire.MessageManifest: ...

    @property
    def content(self) -> bytes: ...


class Custody(Protocol):
    """Held messages, one realm's at a time: another realm's message is NotFound."""

    async def list(self, realm_id: RealmId, *, state: State | None = None, limit: int = 200) -> Sequence[HeldMessage]:
        """The newest first."""
        ...

    async def get(self, realm_id: RealmId, message_id: str) -> HeldMessage:
        """Raises NotFound."""
        ...

    async def open(self, realm_id: RealmId, message_id: str) -> Opened:
        """Raises NotFound, also where the content was destroyed."""
        ...

    async def manifest(self, realm_id: RealmId, message_id: str) -> wire.MessageManifest:
        """The device's reading alone. Errors as open()."""
        ...

    async def act(self, realm_id: RealmId, message_id: str, act: Act, actor: Actor) -> HeldMessage:
        """Do it, once however often it is asked. Raises NotFound, Refused, and Conflict where another act was first."""
        ...


class Realms(Protocol):
    """Realms and their settings."""

    async def by_id(self, realm_id: RealmId, /) -> Realm:
        """Raises NotFound."""
        ...


class Releases(Protocol):
    """How far releases are."""

    async def latest(self, realm_id: RealmId, message_id: str) -> Progress | None:
        """The message's last release with each recipient's copy; None where there was none."""
        ...


BlockSender = Callable[[RealmId, str], Awaitable[None]]
"""Put an address on the realm's blocklist, in force at the devices at once. Raises InvalidRequest for what is no address."""

ReleasePassword = Callable[[RealmId, str], Awaitable[str | None]]
"""The password of a released message's ZIP, by the message's id; None where no ZIP was made."""
