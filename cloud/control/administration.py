"""What an administrator's commands work on: the stores and rooms of one opened state, the same with or without a service."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from atp.identity import RealmId
from cloud.clock import Clock
from cloud.enrollment.devices import Devices
from cloud.enrollment.tokens import Tokens
from cloud.errors import InvalidRequest, NotFound
from cloud.policy.editor import PolicyEditor
from cloud.policy.realm import Realm
from cloud.portal.capability import ConsoleLinks
from cloud.quarantine.custody import Custody
from cloud.storage.audit import AuditStore
from cloud.storage.events import EventStore
from cloud.storage.realms import RealmStore
from cloud.storage.releases import ReleaseStore


@dataclass(frozen=True, slots=True)
class Administration:
    """Everything that operations may use; rooms.py fills it. `operator` is the name of the user who asks.

    `console_links` raises Conflict where nobody knows yet under which address the portal will be reached.
    """

    realms: RealmStore
    tokens: Tokens
    devices: Devices
    policy: PolicyEditor
    events: EventStore
    custody: Custody
    releases: ReleaseStore
    audit: AuditStore
    console_links: Callable[[], ConsoleLinks]
    on_new_realm: Callable[[RealmId], Awaitable[None]]
    clock: Clock
    operator: str = ""

    async def realm(self, name: str | None) -> Realm:
        """The realm of that name, or the only one there is. Raises NotFound, InvalidRequest."""
        if name is not None:
            return await self.realms.by_name(name)
        realms = await self.realms.all()
        if not realms:
            raise NotFound("there is no realm yet", next_step="srx-cloud realm create NAME makes one.")
        if len(realms) > 1:
            names = ", ".join(realm.name for realm in realms)
            raise InvalidRequest("there are several realms", next_step=f"Name one: --realm, of {names}.")
        return realms[0]
