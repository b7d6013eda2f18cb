"""How a key becomes a device: once with a token, then again and again by renewal.

Enrol
1. The device's clock is about right; else nothing that it verifies later would hold.
2. Of the request for a certificate only the key is taken.
3. The token is good, or the same key spent it moments ago: then the same answer is given again.
4. The serial number is not banned in the token's realm.
5. The certificate is signed, for a new device id.
6. One transaction spends the token and records device, certificate and audit entry. Of two who race, one wins.
7. The device is a member from now on.

Renew
1. Of the request only the key is taken, and it must be a new one.
2. The same new key asked before and its certificate was not used yet: the same answer is given again.
3. The next generation is signed and recorded, if nobody else was faster. The shown certificate stays good until the new one
   is first used.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from atp.identity import DeviceId, DeviceName
from atp.reasons import Reason
from cloud.clock import Clock, NewId
from cloud.enrollment.admission import mismatch
from cloud.enrollment.authority import Authority
from cloud.enrollment.csr import key_of
from cloud.enrollment.devices import Devices
from cloud.enrollment.revocation import refusal
from cloud.enrollment.signer import key_info
from cloud.enrollment.standing import Device, DeviceState, IssuedCertificate
from cloud.enrollment.tokens import Cause, Good, Presented, SpentBefore, Tokens
from cloud.errors import InvalidRequest
from cloud.rpc.certificate import stamp
from cloud.storage.audit import AuditEntry
from cloud.storage.devices import DeviceStore
from cloud.storage.tokens import Spending, TokenRecord

MOST_SKEW: Final = timedelta(minutes=5)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Applicant:
    """A device that asks to enrol, as it describes itself."""

    token: str
    csr_der: bytes
    serial: str
    model: str
    version: str
    licences: tuple[str, ...]
    device_time: datetime
    peer: str


@dataclass(frozen=True, slots=True)
class Membership:
    """A device and the certificate that it was given just now."""

    device: Device
    certificate: IssuedCertificate


class Enrolment:
    """Enrols and renews."""

    def __init__(
        self,
        authority: Authority,
        tokens: Tokens,
        devices: Devices,
        store: DeviceStore,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._authority = authority
        self._tokens = tokens
        self._devices = devices
        self._store = store
        self._clock = clock
        self._new_id = new_id

    async def enrol(self, applicant: Applicant) -> Membership:
        """Raises InvalidRequest (CLOCK_SKEW, CSR_REFUSED) and Refused (TOKEN_REFUSED, DEVICE_REVOKED)."""
        self._check_clock(applicant.device_time)
        key = key_of(applicant.csr_der)
        presented = Presented(applicant.token, applicant.serial, _digest(key), applicant.peer)
        judged = await self._tokens.judge(presented)
        if isinstance(judged, SpentBefore):
            return await self._again(judged, presented)
        if await self._store.banned(judged.record.realm_id, applicant.serial):
            raise refusal(DeviceState.BANNED)
        device = await self._new_device(applicant, judged.record, key)
        if not await self._spend(judged, device, presented):
            return await self._lost(presented)
        self._devices.put(device)
        _log.info("device.enrolled", device_id=device.id, realm_id=device.realm_id, serial=device.serial)
        return Membership(device, device.current)

    async def renew(self, device: Device, shown: int, csr_der: bytes, *, how: str) -> Membership:
        """The next certificate, for a device that proved to hold the key of generation `shown`.

        `how` is renewed or recovered. Raises InvalidRequest (CSR_REFUSED), Refused (GENERATION_MISMATCH).
        """
        key = key_of(csr_der)
        if _asked_before(device, shown, key):
            return Membership(device, device.current)
        if _digest(key) in _known_keys(device):
            raise InvalidRequest("renewal takes a new key", reason=Reason.CSR_REFUSED, next_step="Make a new key.")
        certificate = self._authority.device_certificate(self._name(device), key, device.current.generation + 1)
        noted = self._renewal_noted(device, shown, certificate, how)
        renewed = await self._store.renew(device, shown, certificate, noted)
        if renewed is None:
            return self._overtaken(device, shown, key)
        self._devices.put(renewed)
        _log.info(noted.what, device_id=device.id, generation=certificate.generation)
        return Membership(renewed, certificate)

    def _check_clock(self, device_time: datetime) -> None:
        now = self._clock()
        if abs(now - device_time) > MOST_SKEW:
            raise InvalidRequest(
                f"the device's clock says {stamp(device_time)}, the cloud's says {stamp(now)}",
                reason=Reason.CLOCK_SKEW,
                next_step="Set the clock that is wrong (NTP), then enrol again; the token is still good.",
            )

    async def _again(self, spent: SpentBefore, presented: Presented) -> Membership:
        """The answer of moments ago. Raises Refused where the device has been renewed or ended since."""
        device = self._devices.find(spent.device_id) or await self._store.by_id(spent.device_id)
        if device is None or device.current.key_sha256 != presented.key_sha256:
            raise await self._tokens.refuse(Cause.SPENT, presented, spent.record)
        if device.state is not DeviceState.ENROLLED:
            raise refusal(device.state)
        return Membership(device, device.current)

    async def _new_device(self, applicant: Applicant, token: TokenRecord, key: EllipticCurvePublicKey) -> Device:
        now = self._clock()
        name = DeviceName(self._authority.name, token.realm_id, DeviceId(self._new_id("dev")))
        return Device(
            id=name.device_id,
            realm_id=token.realm_id,
            realm_name=await self._store.realm_name(token.realm_id),
            serial=applicant.serial,
            model=applicant.model,
            version=applicant.version,
            licences=applicant.licences,
            state=DeviceState.ENROLLED,
            enrolled_at=now,
            state_changed_at=now,
            current=self._authority.device_certificate(name, key, generation=1),
        )

    async def _spend(self, good: Good, device: Device, presented: Presented) -> bool:
        spending = Spending(good.record.id, device.id, presented.key_sha256, device.enrolled_at)
        fields = {"device_id": device.id, "serial": device.serial, "token_id": good.record.id, "peer": presented.peer}
        noted = AuditEntry(device.enrolled_at, "device.enrolled", device.realm_id, device.id, fields)
        return await self._store.enrol(device, spending, noted)

    async def _lost(self, presented: Presented) -> Membership:
        """Someone else spent the token meanwhile: the same device twice, perhaps; judged anew, it can only be spent now."""
        judged = await self._tokens.judge(presented)
        if isinstance(judged, Good):
            raise await self._tokens.refuse(Cause.SPENT, presented, judged.record)
        return await self._again(judged, presented)

    def _renewal_noted(self, device: Device, shown: int, new: IssuedCertificate, how: str) -> AuditEntry:
        fields: dict[str, str | int] = {"device_id": device.id, "generation": new.generation, "shown_generation": shown}
        return AuditEntry(self._clock(), f"device.{how}", device.realm_id, device.id, fields)

    def _overtaken(self, device: Device, shown: int, key: EllipticCurvePublicKey) -> Membership:
        """Another renewal was faster: the same request sent twice, or someone else's."""
        present = self._devices.get(device.id)
        if _asked_before(present, shown, key):
            return Membership(present, present.current)
        raise mismatch(present)

    def _name(self, device: Device) -> DeviceName:
        return DeviceName(self._authority.name, device.realm_id, device.id)


def _digest(key: EllipticCurvePublicKey) -> bytes:
    return sha256(key_info(key)).digest()


def _asked_before(device: Device, shown: int, key: EllipticCurvePublicKey) -> bool:
    """Whether this key's certificate is the newest one, issued upon certificate `shown` and not used yet."""
    issued = device.first_used_at is None and device.previous is not None and device.previous.generation == shown
    return issued and device.current.key_sha256 == _digest(key)


def _known_keys(device: Device) -> frozenset[bytes]:
    return frozenset(each.key_sha256 for each in (device.current, device.previous) if each is not None)
