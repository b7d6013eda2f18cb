"""What the running device says of itself: `srx show status`, `statistics` and `policy`.

The connection part follows the vendor's `show services advanced-anti-malware status`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from atp.reasons import Reason
from device.cloudlink.channel import CloudChannel
from device.cloudlink.policy import PolicyKeeper
from device.inspection.policy import InspectionPolicy
from device.tls.encryption import Encryption

_ENDED: Final = frozenset({Reason.DEVICE_REVOKED, Reason.DEVICE_DISENROLLED, Reason.GENERATION_MISMATCH})


@dataclass(frozen=True, slots=True)
class Status:
    """Where each answer comes from."""

    started_at: datetime
    interception: Callable[[], dict[str, Any]]
    channel: CloudChannel
    keeper: PolicyKeeper
    policy: Callable[[], InspectionPolicy]
    counters: Callable[[], Awaitable[dict[str, int]]]
    encryption: Encryption

    def connection(self) -> dict[str, Any]:
        """Enrolment, connection, and what follows for mail."""
        identity = self.channel.identity
        intercepting = self.interception()
        return {
            "enrolled": identity is not None,
            "server": None if identity is None else identity.endpoint,
            "realm": None if identity is None else identity.realm_name,
            "device_id": None if identity is None else identity.device_id,
            "certificate_until": None if identity is None else identity.not_after.isoformat(),
            "connected": self.keeper.connected,
            "policy_revision": self.keeper.current.revision,
            **intercepting,
            "starttls": self.encryption.told,
            "started_at": self.started_at.isoformat(timespec="seconds"),
            "warnings": self.warnings(),
        }

    def warnings(self) -> list[str]:
        """What the person in charge must not overlook."""
        said: list[str] = []
        fallback = self.policy().device.fallback.action.value
        if self.channel.identity is None:
            said.append(
                f"Not enrolled: no attachment is inspected; mail with attachments meets its fallback ({fallback})."
            )
        elif self.keeper.current.revision == 0:
            said.append(f"No policy received yet: mail with attachments meets its fallback ({fallback}).")
        elif self.keeper.trouble in _ENDED:
            said.append("This device is no member of its realm any more. To come back: srx enroll --replace URL.")
        elif not self.keeper.connected:
            said.append(f"The cloud is away: attachments that are not remembered meet their fallback ({fallback}).")
        return [*said, *self.interception()["warnings"]]

    async def statistics(self) -> dict[str, Any]:
        """Every counter since the start, over all processes."""
        return {"counters": await self.counters()}

    def in_force(self) -> dict[str, Any]:
        """The policy that the next message is decided by."""
        policy = self.policy()
        cloud, device = policy.cloud, policy.device
        return {
            "revision": cloud.revision,
            "action": cloud.action.value,
            "verdict_threshold": policy.threshold,
            "recommended": device.threshold is None,
            "fallback_action": device.fallback.action.value,
            "fallback": {each.value: action.value for each, action in device.fallback.by_condition.items()},
            "verdict_timeout": device.verdict_seconds,
            "first_seen": "hold" if device.hold_first_seen else "pass",
            "allowlist_entries": len(cloud.allow),
            "blocklist_entries": len(cloud.block),
            "protected_domains": sorted(cloud.protected_domains),
            "max_file_size": cloud.max_file_size,
        }
