"""What a device is to the cloud, and what a certificate that it shows is worth.

The theory: every certificate of a device has a number, its generation. Renewal issues the next one, and the device may go
on with the one before until the next is first used (the answer to Renew may have been lost). From then on there is one
holder of the newest key. Whoever still shows an older certificate is either late by moments (calls that were under way on
the old channel) or holds a copy of the device's key: a clone. Precedent: Teleport's generation counter.

    shown certificate              newest unused    newest used, moments ago    newest used, long ago
    the newest                     FIRST            CURRENT                     CURRENT
    the one before                 PREVIOUS         LATE                        CLONE
    any other of this device       CLONE            CLONE                       CLONE
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from typing import Final

from atp.identity import DeviceId, RealmId

OVERLAP: Final = timedelta(minutes=5)
"""How long after the newest certificate's first use a call with the one before is late, and not yet a clone's."""


class DeviceState(StrEnum):
    """Whether a device is a member, and why not.

    Evicted: may come back with a new token. Banned: its serial number may not, in this realm. Cloned: two machines held
    its key, so neither is believed; it may come back with a new token.
    """

    ENROLLED = "enrolled"
    DISENROLLED = "disenrolled"
    EVICTED = "evicted"
    BANNED = "banned"
    CLONED = "cloned"


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate that a device was given. `sha256` is of the DER, `key_sha256` of the SubjectPublicKeyInfo."""

    sha256: bytes
    generation: int
    key_sha256: bytes
    der: bytes
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Device:
    """A device as the cloud remembers it. `first_used_at` is the current certificate's."""

    id: DeviceId
    realm_id: RealmId
    realm_name: str
    serial: str
    model: str
    version: str
    licences: tuple[str, ...]
    state: DeviceState
    enrolled_at: datetime
    state_changed_at: datetime
    current: IssuedCertificate
    previous: IssuedCertificate | None = None
    first_used_at: datetime | None = None
    last_seen_at: datetime | None = None
    policy_revision: int = 0


class Worth(Enum):
    """What a shown certificate is worth; the table above."""

    FIRST = auto()
    CURRENT = auto()
    PREVIOUS = auto()
    LATE = auto()
    CLONE = auto()


def worth_of(device: Device, certificate_sha256: bytes, now: datetime) -> Worth:
    """The table above, for one shown certificate of an enrolled device."""
    if certificate_sha256 == device.current.sha256:
        return Worth.FIRST if device.first_used_at is None else Worth.CURRENT
    if device.previous is None or certificate_sha256 != device.previous.sha256:
        return Worth.CLONE
    if device.first_used_at is None:
        return Worth.PREVIOUS
    return Worth.LATE if now - device.first_used_at <= OVERLAP else Worth.CLONE
