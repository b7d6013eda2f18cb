"""What a device can still do when mutual TLS fails: learn the true reason, and recover from an expired certificate.

To TLS every certificate problem looks alike ("Socket closed"). So the device proves over a nonce that it holds the key of
its certificate, and is told here what the gate would have told it.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from atp.proofs import diagnose_proof, recover_proof
from atp.reasons import Reason
from cloud.clock import Clock
from cloud.enrollment.admission import Admission, mismatch
from cloud.enrollment.authority import Authority
from cloud.enrollment.challenges import Challenges
from cloud.enrollment.enrolment import Enrolment, Membership
from cloud.enrollment.standing import Worth, worth_of
from cloud.errors import CloudError, NotSignedIn
from cloud.rpc.certificate import ShownCertificate, expired, in_force, of_device, refused

RECOVERABLE: Final = timedelta(days=30)
"""How long after its end a certificate is still good for the next one."""

_UNUSABLE: Final = frozenset({Worth.LATE, Worth.CLONE})


@dataclass(frozen=True, slots=True)
class Proof:
    """A certificate (DER), a nonce of ours, and what the certificate's key signed."""

    certificate_der: bytes
    nonce: bytes
    signature: bytes


class Outsider:
    """Answers devices that stand outside of mutual TLS."""

    def __init__(
        self, authority: Authority, admission: Admission, enrolment: Enrolment, challenges: Challenges, clock: Clock
    ) -> None:
        self._authority = authority
        self._admission = admission
        self._enrolment = enrolment
        self._challenges = challenges
        self._clock = clock

    def diagnose(self, proof: Proof) -> CloudError | None:
        """Why the gate would refuse this certificate; None: it would not. Raises NotSignedIn (PROOF_REFUSED)."""
        certificate, key = _read(proof.certificate_der)
        self._challenges.redeem(proof.nonce, key, diagnose_proof(proof.nonce), proof.signature)
        try:
            shown = self._shown(certificate)
            in_force(shown, self._clock())
            device = self._admission.member(shown)
        except CloudError as error:
            return error
        return mismatch(device) if worth_of(device, shown.sha256, self._clock()) in _UNUSABLE else None

    async def recover(self, proof: Proof, csr_der: bytes) -> Membership:
        """The next certificate, upon one that has ended at most 30 days ago. Raises as the gate does, and as renewal does."""
        certificate, key = _read(proof.certificate_der)
        self._challenges.redeem(proof.nonce, key, recover_proof(proof.nonce, csr_der), proof.signature)
        shown = self._shown(certificate)
        now = self._clock()
        in_force(shown, min(now, shown.not_after))
        if now > shown.not_after + RECOVERABLE:
            raise expired(shown.not_after, now)
        # The same questions as on any call, and the same alarm over clones.
        caller = await self._admission.admit(shown)
        return await self._enrolment.renew(self._admission.member(shown), caller.generation, csr_der, how="recovered")

    def _shown(self, certificate: x509.Certificate) -> ShownCertificate:
        """What TLS and the gate would find, but for the time. Raises NotSignedIn (CERTIFICATE_REFUSED)."""
        if not self._authority.issued(certificate):
            raise refused("this cloud has not issued the certificate")
        return of_device(certificate)


def _read(certificate_der: bytes) -> tuple[x509.Certificate, EllipticCurvePublicKey]:
    try:
        certificate = x509.load_der_x509_certificate(certificate_der)
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise refused("the certificate cannot be read") from error
    if not isinstance(key, EllipticCurvePublicKey):
        raise NotSignedIn("the certificate's key is not ECDSA", reason=Reason.CERTIFICATE_REFUSED)
    return certificate, key
