"""A device's name in its certificate: one URI SAN, spiffe://<authority>/realm/<realm id>/device/<device id>.

Source: the SPIFFE ID standard, section 2 (scheme, trust domain, path).
"""

import re
from dataclasses import dataclass
from typing import NewType, Self

RealmId = NewType("RealmId", str)
DeviceId = NewType("DeviceId", str)

_AUTHORITY = r"[a-z0-9][a-z0-9._-]{0,254}"
_ID = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
_SHAPE = re.compile(rf"spiffe://(?P<authority>{_AUTHORITY})/realm/(?P<realm>{_ID})/device/(?P<device>{_ID})")


class NotAnIdentity(ValueError):
    """The text does not have the shape of a device identity."""


@dataclass(frozen=True, slots=True)
class DeviceName:
    """Who a device is: the authority that vouches for it, its realm, itself."""

    authority: str
    realm_id: RealmId
    device_id: DeviceId

    def uri(self) -> str:
        """The SAN's text."""
        return f"spiffe://{self.authority}/realm/{self.realm_id}/device/{self.device_id}"

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Read a SAN. Raises NotAnIdentity for anything but the exact shape; nothing is trimmed or folded."""
        found = _SHAPE.fullmatch(uri)
        if found is None:
            raise NotAnIdentity("not a device identity of the form spiffe://AUTHORITY/realm/ID/device/ID")
        return cls(found["authority"], RealmId(found["realm"]), DeviceId(found["device"]))
