"""Which device a shown certificate is worth: asked on every call, answered from memory."""

from typing import Final

import structlog

from atp.reasons import Reason
from cloud.clock import Clock
from cloud.enrollment.devices import Devices
from cloud.enrollment.revocation import refusal
from cloud.enrollment.standing import Device, DeviceState, Worth, worth_of
from cloud.errors import Refused
from cloud.rpc.caller import Caller
from cloud.rpc.certificate import ShownCertificate, refused
from cloud.storage.devices import DeviceStore

_log = structlog.get_logger()

_MISMATCH: Final = (
    "The device uses its newest certificate. If this goes on, its key was copied: revoke it and enrol anew."
)


class Admission:
    """Turns certificates into callers, and raises the alarm over clones."""

    def __init__(self, authority: str, devices: Devices, store: DeviceStore, clock: Clock) -> None:
        self._authority = authority
        self._devices = devices
        self._store = store
        self._clock = clock

    async def admit(self, certificate: ShownCertificate) -> Caller:
        """The member whose certificate this is.

        Raises NotSignedIn (CERTIFICATE_REFUSED) for a certificate of another authority or an unknown device, Refused
        (DEVICE_REVOKED, DEVICE_DISENROLLED, GENERATION_MISMATCH) for what its device is now.
        """
        device = self.member(certificate)
        worth = worth_of(device, certificate.sha256, self._clock())
        match worth:
            case Worth.CURRENT | Worth.PREVIOUS:
                await self._devices.seen(device)
                # It may have been ended while that was written.
                device = self.member(certificate)
            case Worth.FIRST:
                await self._devices.used(device, self._clock())
                # It may have been ended while that was written.
                device = self.member(certificate)
            case Worth.LATE:
                _log.warning("device.late-certificate", device_id=device.id, realm_id=device.realm_id)
                raise mismatch(device)
            case Worth.CLONE:
                await self._devices.suspect(device, await self._store.generation_of(certificate.sha256) or 0)
                raise mismatch(device)
        return Caller(device.realm_id, device.id, generation_shown(device, worth))

    def member(self, certificate: ShownCertificate) -> Device:
        """The device that the certificate names, if it is a member, whichever of its certificates this is. Raises as admit()."""
        name = certificate.name
        device = self._devices.find(name.device_id)
        if name.authority != self._authority or device is None or device.realm_id != name.realm_id:
            raise refused("this cloud knows no such device", device_id=name.device_id)
        if device.state is not DeviceState.ENROLLED:
            raise refusal(device.state)
        return device


def generation_shown(device: Device, worth: Worth) -> int:
    """Which of its two certificates the device used."""
    if worth is Worth.PREVIOUS and device.previous is not None:
        return device.previous.generation
    return device.current.generation


def mismatch(device: Device) -> Refused:
    """The certificate is not one that this device should use any more."""
    return Refused(
        "a newer certificate of this device is in use",
        reason=Reason.GENERATION_MISMATCH,
        next_step=_MISMATCH,
        device_id=device.id,
    )
