"""Why mutual TLS fails: every certificate problem looks like a cloud that is away, so the device looks itself, and asks.

1. What can be seen here: the certificate's dates and chain, by this machine's clock.
2. What the cloud says at its enrolment port, once the device has proved its key over the cloud's nonce; its time too.

The cloud's word goes before our own view: it knows about revocation and generations, and its clock made the dates.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from atp.proofs import diagnose_proof
from atp.reasons import Reason
from atp.v1 import enrollment_pb2
from atp.v1.enrollment_pb2_grpc import EnrollmentServiceStub
from device.clock import Clock, system_clock
from device.enrollment.answers import error_of
from device.enrollment.channels import CALL_SECONDS, outside
from device.enrollment.identity import Identity
from device.enrollment.keys import proof
from device.errors import ClockWrong, CloudUnreachable, DeclinedByCloud, EnrolmentError, IdentityDamaged

if TYPE_CHECKING:  # the asynchronous stubs exist in the .pyi files alone
    from atp.v1.enrollment_pb2_grpc import EnrollmentServiceAsyncStub

MOST_SKEW: Final = timedelta(minutes=5)


async def diagnose(identity: Identity, clock: Clock = system_clock) -> EnrolmentError | None:
    """The true reason why this device is not served, and what to do; None: nothing stands in the way."""
    own = own_view(identity, clock())
    try:
        answer = await _ask(identity)
    except EnrolmentError as error:
        return own if own is not None and isinstance(error, CloudUnreachable) else error
    cloud_time = answer.server_time.ToDatetime(UTC)
    if abs(cloud_time - clock()) > MOST_SKEW:
        return _skewed(clock(), cloud_time)
    if not answer.usable:
        return DeclinedByCloud(answer.reason, answer.explanation, next_step=answer.next_step)
    return own


def own_view(identity: Identity, now: datetime) -> EnrolmentError | None:
    """What is wrong as far as this machine can tell; ask before a call, since TLS would not say it."""
    if now > identity.not_after:
        return DeclinedByCloud(
            Reason.CERTIFICATE_EXPIRED,
            f"the device's certificate ended at {_stamp(identity.not_after)}, and here it is {_stamp(now)}",
            next_step="The device recovers by itself for 30 days, once the cloud answers; after that, enrol it anew: "
            "srx enroll --replace URL.",
        )
    if now < identity.not_before:
        return ClockWrong(
            f"the device's certificate is valid from {_stamp(identity.not_before)}, and here it is {_stamp(now)}",
            next_step="Set the clock (NTP).",
        )
    if not _chains(identity):
        return IdentityDamaged(
            "the device's certificate does not chain to its cloud's root",
            next_step="Enrol anew: srx enroll --replace URL.",
        )
    return None


async def _ask(identity: Identity) -> enrollment_pb2.DiagnoseResponse:
    """Raises EnrolmentError where the cloud gives no diagnosis."""
    async with outside(identity) as channel:
        stub: EnrollmentServiceAsyncStub = EnrollmentServiceStub(channel)
        try:
            challenge = await stub.Challenge(enrollment_pb2.ChallengeRequest(), timeout=CALL_SECONDS)
            request = enrollment_pb2.DiagnoseRequest(
                certificate_der=identity.certificate.public_bytes(Encoding.DER),
                nonce=challenge.nonce,
                proof=proof(identity.key_pem, diagnose_proof(challenge.nonce)),
            )
            return await stub.Diagnose(request, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise error_of(error, identity.enrolment_endpoint) from None


def _chains(identity: Identity) -> bool:
    """Each certificate is signed by the next, the last by a root of the trust bundle."""
    leaf, *above = x509.load_pem_x509_certificates(identity.chain_pem)
    roots = x509.load_pem_x509_certificates(identity.trust_bundle_pem)
    for issuer in above:
        if not _issued(leaf, issuer):
            return False
        leaf = issuer
    return any(_issued(leaf, root) for root in roots)


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _skewed(ours: datetime, theirs: datetime) -> ClockWrong:
    return ClockWrong(
        f"the device's clock says {_stamp(ours)}, the cloud's says {_stamp(theirs)}",
        next_step="Set the clock that is wrong (NTP).",
    )


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
