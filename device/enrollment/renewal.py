"""The certificate is renewed in time, with a new key each time; nobody has to think of it.

Half of the lifetime is time enough for a cloud that is away for days. Past its end the certificate is still good for
recovery, 30 days long. After each success the identity is on disk first, then whoever uses it is told: a second channel is
opened with the new one, and the cloud forgets the old certificate once the new is used. One process of a device renews.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import grpc
import structlog
from cryptography.hazmat.primitives.serialization import Encoding

from atp.proofs import recover_proof
from atp.reasons import Reason
from atp.v1 import device_pb2, enrollment_pb2
from atp.v1.device_pb2_grpc import DeviceServiceStub
from atp.v1.enrollment_pb2_grpc import EnrollmentServiceStub
from device.clock import Clock
from device.enrollment.answers import error_of, identity_of
from device.enrollment.channels import CALL_SECONDS, as_device, outside
from device.enrollment.diagnosis import diagnose
from device.enrollment.identity import Identity
from device.enrollment.keys import new_key_pem, proof, request_for
from device.errors import CloudUnreachable, EnrolmentError, IdentityDamaged, NotEnrolled

if TYPE_CHECKING:  # the asynchronous stubs exist in the .pyi files alone
    from atp.v1.device_pb2_grpc import DeviceServiceAsyncStub
    from atp.v1.enrollment_pb2_grpc import EnrollmentServiceAsyncStub

LOOK_AGAIN: Final = timedelta(hours=1)
"""The longest pause: a clock may be set, a machine may sleep."""
FIRST_RETRY: Final = timedelta(seconds=30)

Chance = Callable[[], float]
"""A number from 0 up to 1, so that a thousand devices do not all come at once."""
Told = Callable[[Identity], None]

_log = structlog.get_logger()


class Alarm(Protocol):
    """What the loop waits on."""

    async def wait(self, seconds: float) -> None:
        """Return after so many seconds, or earlier where someone wants the loop to look at once."""


class Bell:
    """The alarm of a running device: time passes, or someone rings."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Look at once."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), seconds)
        self._rung.clear()


class Renewal:
    """Keeps one device's identity in force. `trouble` is why the last attempt failed; None: it did not."""

    def __init__(self, state: Path, identity: Identity, clock: Clock, chance: Chance, alarm: Alarm) -> None:
        self.identity = identity
        self.trouble: EnrolmentError | None = None
        self._state = state
        self._clock = clock
        self._chance = chance
        self._alarm = alarm
        self._told: list[Told] = []
        self._key_pem = b""
        self._failures = 0

    def tell(self, told: Told) -> None:
        """Call this with every new identity, once it is on disk."""
        self._told.append(told)

    async def run(self) -> None:
        """For as long as the device runs. Failures are kept as trouble and tried again; none of them gets out."""
        due_at = due(self.identity, self._chance())
        while True:
            left = (due_at - self._clock()).total_seconds()
            if left > 0:
                await self._alarm.wait(min(left, LOOK_AGAIN.total_seconds()))
                continue
            due_at = await self._attempt()

    async def renew(self) -> Identity:
        """One renewal now, or a recovery where the certificate has ended. Raises EnrolmentError with the true reason."""
        kept = Identity.load(self._state)
        if kept is None:
            raise NotEnrolled("this device was disenrolled", next_step="Enrol it: srx enroll URL.")
        if kept.name == self.identity.name:
            kept = await self._next(kept)
            kept.keep(self._state)
        # Else someone has enrolled this device anew while it ran: that identity is the one to use.
        self._key_pem = b""
        self.identity = kept
        for told in self._told:
            told(kept)
        return kept

    async def _attempt(self) -> datetime:
        """Renew, and say when to look again."""
        try:
            identity = await self._renewed_and_kept()
        except EnrolmentError as error:
            self.trouble = error
            self._failures += 1
            _log.warning("certificate.not-renewed", reason=error.reason, until=self.identity.not_after.isoformat())
            return self._clock() + self._pause()
        self.trouble = None
        self._failures = 0
        _log.info("certificate.renewed", generation=identity.generation, until=identity.not_after.isoformat())
        return due(identity, self._chance())

    async def _renewed_and_kept(self) -> Identity:
        """A full disk is trouble like any other: the identity in force stays, and the attempt is repeated."""
        try:
            return await self.renew()
        except OSError as error:
            raise IdentityDamaged(
                f"the renewed certificate can't be kept: {error.strerror}", next_step="Make room in the state folder."
            ) from error

    def _pause(self) -> timedelta:
        """Doubled each time, up to an hour, and up to half as long again by chance."""
        doublings = min(self._failures - 1, 16)
        return min(FIRST_RETRY * (1 << doublings), LOOK_AGAIN) * (1 + self._chance() / 2)

    async def _next(self, identity: Identity) -> Identity:
        """The identity's next generation, by renewal or by recovery. The same key is used until one answer came."""
        self._key_pem = self._key_pem or new_key_pem()
        if self._clock() > identity.not_after:
            return await recovered(identity, self._key_pem)
        try:
            return await renewed(identity, self._key_pem)
        except CloudUnreachable as away:
            reason = await diagnose(identity, self._clock)
            if reason is None:
                raise
            if reason.reason != Reason.CERTIFICATE_EXPIRED:
                raise reason from away
            return await recovered(identity, self._key_pem)


def due(identity: Identity, chance: float) -> datetime:
    """When to renew: at half of the certificate's lifetime, a twentieth of it earlier or later."""
    lifetime = identity.not_after - identity.not_before
    return identity.not_before + lifetime * (0.45 + chance / 10)


async def renewed(identity: Identity, key_pem: bytes) -> Identity:
    """The next generation for this key, over mutual TLS. Raises EnrolmentError."""
    async with as_device(identity) as channel:
        stub: DeviceServiceAsyncStub = DeviceServiceStub(channel)
        try:
            answer = await stub.Renew(device_pb2.RenewRequest(csr_der=request_for(key_pem)), timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise error_of(error, identity.endpoint) from None
    return _successor(identity, key_pem, answer.identity)


async def recovered(identity: Identity, key_pem: bytes) -> Identity:
    """The next generation for this key, for a certificate that has ended. Raises EnrolmentError."""
    async with outside(identity) as channel:
        stub: EnrollmentServiceAsyncStub = EnrollmentServiceStub(channel)
        try:
            nonce = (await stub.Challenge(enrollment_pb2.ChallengeRequest(), timeout=CALL_SECONDS)).nonce
            csr_der = request_for(key_pem)
            request = enrollment_pb2.RecoverRequest(
                certificate_der=identity.certificate.public_bytes(Encoding.DER),
                csr_der=csr_der,
                nonce=nonce,
                proof=proof(identity.key_pem, recover_proof(nonce, csr_der)),
            )
            answer = await stub.Recover(request, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise error_of(error, identity.enrolment_endpoint) from None
    return _successor(identity, key_pem, answer.identity)


def _successor(identity: Identity, key_pem: bytes, told: enrollment_pb2.DeviceIdentity) -> Identity:
    return identity_of(told, key_pem=key_pem, serial=identity.serial, enrolment_endpoint=identity.enrolment_endpoint)
