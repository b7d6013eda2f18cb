"""How this device becomes a member of a realm, and how it leaves.

1. The URL is read: where, which root, which token.
2. A device that is a member already stays what it is, unless it is told to replace that.
3. The root is checked against the pin before anything is sent (device.enrollment.pinning).
4. The key is made, and on disk before the token is sent: if the answer is lost, the same key asks again, and gets it.
5. Token and certificate request go to a server that chains to that root alone.
6. The answer holds together: key, certificate, name, and the pinned root among the roots.
7. The identity is on disk, whole; the token's key is not needed any more.
8. The cloud of a replaced identity is told, if it can be reached.
"""

from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Final

import grpc
import structlog
from cryptography import x509
from google.protobuf.timestamp_pb2 import Timestamp

from atp.enrolment_url import EnrolmentUrl, NotAnEnrolmentUrl
from atp.reasons import Reason
from atp.v1 import device_pb2, enrollment_pb2
from atp.v1.device_pb2_grpc import DeviceServiceStub
from atp.v1.enrollment_pb2_grpc import EnrollmentServiceStub
from device.clock import Clock, system_clock
from device.enrollment.answers import error_of, identity_of
from device.enrollment.channels import CALL_SECONDS, as_device, to_enrolment_port
from device.enrollment.diagnosis import diagnose
from device.enrollment.identity import Identity, forget, write_private
from device.enrollment.keys import new_key_pem, request_for
from device.enrollment.pinning import pinned_root
from device.errors import (
    AlreadyEnrolled,
    CloudNotTrusted,
    CloudUnreachable,
    EnrolmentError,
    IdentityDamaged,
    NotAUrl,
    NotEnrolled,
)

if TYPE_CHECKING:  # the asynchronous stubs exist in the .pyi files alone
    from atp.v1.device_pb2_grpc import DeviceServiceAsyncStub
    from atp.v1.enrollment_pb2_grpc import EnrollmentServiceAsyncStub

MODEL: Final = "srxlab"
ATTEMPTS: Final = 3
"""How often Enroll is sent where no answer comes."""

_ENDED: Final = frozenset({Reason.DEVICE_REVOKED, Reason.DEVICE_DISENROLLED, Reason.CERTIFICATE_EXPIRED})

_log = structlog.get_logger()


async def enrol(
    url_text: str,
    state: Path,
    *,
    serial: str = "",
    model: str = MODEL,
    version: str = "",
    licences: tuple[str, ...] = (),
    clock: Clock = system_clock,
    replace: bool = False,
) -> Identity:
    """Spend the URL's token and keep the identity that it gives. Without a serial number, the key gives one.

    Raises EnrolmentError: NotAUrl, AlreadyEnrolled, CloudUnreachable, CloudNotTrusted, ClockWrong, DeclinedByCloud.
    """
    url = _parsed(url_text)
    replaced = _present(state, replace=replace)
    root = await pinned_root(url.host, url.port, url.pin, clock())
    key_pem = _key_for(url, state)
    request = enrollment_pb2.EnrollRequest(
        token=url.token.text(),
        csr_der=request_for(key_pem),
        serial=serial or (replaced.serial if replaced else _serial_of(key_pem)),
        model=model,
        version=version or version_of("srxlab"),
        licences=licences,
        device_time=_timestamp(clock),
    )
    told = await _ask(url, root, request)
    identity = identity_of(told, key_pem=key_pem, serial=request.serial, enrolment_endpoint=_endpoint(url))
    if root not in x509.load_pem_x509_certificates(identity.trust_bundle_pem):
        raise CloudNotTrusted("the cloud names other roots than its own", next_step="Ask for a new enrolment URL.")
    identity.keep(state)
    _pending(url, state).unlink(missing_ok=True)
    _log.info("device.enrolled", device_id=identity.device_id, realm_id=identity.realm_id)
    if replaced is not None:
        await _say_goodbye(replaced)
    return identity


async def disenrol(state: Path, *, clock: Clock = system_clock) -> str:
    """Leave the realm, and remove the identity; the realm's name.

    A cloud that ended the membership before is asked no more. Raises NotEnrolled, CloudUnreachable (the identity stays).
    """
    identity = Identity.load(state)
    if identity is None:
        raise NotEnrolled("this device is not enrolled", next_step="There is nothing to end.")
    try:
        await _leave(identity)
    except CloudUnreachable:
        # To TLS, a certificate that has ended looks like a cloud that is away.
        found = await diagnose(identity, clock)
        if found is None or found.reason not in _ENDED:
            raise
    except EnrolmentError as error:
        if error.reason not in _ENDED:
            raise
    forget(state)
    _log.info("device.disenrolled", device_id=identity.device_id, realm_id=identity.realm_id)
    return identity.realm_name


def _parsed(url_text: str) -> EnrolmentUrl:
    try:
        return EnrolmentUrl.parse(url_text)
    except NotAnEnrolmentUrl as error:
        raise NotAUrl(
            f"that is no enrolment URL: {error}",
            next_step="Paste the whole line that srx-cloud token create printed, in quotes: srx enroll 'URL'.",
        ) from None


def _present(state: Path, *, replace: bool) -> Identity | None:
    """The identity to be replaced. A damaged one can be replaced, but nobody can say goodbye with it."""
    try:
        identity = Identity.load(state)
    except IdentityDamaged:
        if not replace:
            raise
        return None
    if identity is not None and not replace:
        raise AlreadyEnrolled(
            f"this device is enrolled in realm {identity.realm_name} already",
            next_step="To enrol it anew: srx enroll --replace URL. To leave the realm: srx disenroll.",
        )
    return identity


def _key_for(url: EnrolmentUrl, state: Path) -> bytes:
    """This token's key: the one of an attempt whose answer was lost, or a new one, on disk before it is used."""
    pending = _pending(url, state)
    with suppress(FileNotFoundError):
        key_pem = pending.read_bytes()
        with suppress(ValueError):
            request_for(key_pem)
            return key_pem
    for other in pending.parent.glob("enrolling-*.pem"):
        other.unlink()
    pending.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_pem = new_key_pem()
    write_private(pending, key_pem)
    return key_pem


def _pending(url: EnrolmentUrl, state: Path) -> Path:
    return state / f"enrolling-{url.token.id}.pem"


def _serial_of(key_pem: bytes) -> str:
    """A serial number for a device that was given none: stable for as long as its first key."""
    return f"SRXLAB{sha256(key_pem).hexdigest()[:8].upper()}"


async def _ask(
    url: EnrolmentUrl, root: x509.Certificate, request: enrollment_pb2.EnrollRequest
) -> enrollment_pb2.DeviceIdentity:
    """Enroll, again where no answer came: with the same key and token it is safe to repeat. Raises EnrolmentError."""
    async with to_enrolment_port(_endpoint(url), [root]) as channel:
        for _ in range(ATTEMPTS - 1):
            with suppress(CloudUnreachable):
                return await _ask_once(channel, url, request)
        return await _ask_once(channel, url, request)


async def _ask_once(
    channel: grpc.aio.Channel, url: EnrolmentUrl, request: enrollment_pb2.EnrollRequest
) -> enrollment_pb2.DeviceIdentity:
    stub: EnrollmentServiceAsyncStub = EnrollmentServiceStub(channel)
    try:
        return (await stub.Enroll(request, timeout=CALL_SECONDS)).identity
    except grpc.aio.AioRpcError as error:
        raise error_of(error, _endpoint(url)) from None


async def _say_goodbye(replaced: Identity) -> None:
    """Best effort: the old cloud may be gone for good, and an administrator can revoke the device there."""
    try:
        await _leave(replaced)
    except EnrolmentError as error:
        _log.warning("device.replaced-silently", device_id=replaced.device_id, reason=error.reason)


async def _leave(identity: Identity) -> None:
    async with as_device(identity) as channel:
        stub: DeviceServiceAsyncStub = DeviceServiceStub(channel)
        try:
            await stub.Disenroll(device_pb2.DisenrollRequest(), timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise error_of(error, identity.endpoint) from None


def _endpoint(url: EnrolmentUrl) -> str:
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{host}:{url.port}"


def _timestamp(clock: Clock) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(clock())
    return stamp
