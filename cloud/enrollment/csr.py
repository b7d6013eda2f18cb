"""What is taken of a certificate signing request: its key, and nothing else.

Names, extensions and attributes are the cloud's to set. The key must be one that every part of the way can use: ECDSA on
P-256 (grpcio's TLS takes neither Ed25519 nor P-521), and the request must be signed with it (RFC 2986, section 3).
"""

from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

from atp.reasons import Reason
from cloud.errors import InvalidRequest

LONGEST: Final = 16 * 1024
"""Bytes of DER; a request with a P-256 key and a few names has 300 to 1,000."""

_NEXT_STEP: Final = "Send a PKCS #10 request (DER) with an ECDSA P-256 key, signed with that key."


def key_of(csr_der: bytes) -> EllipticCurvePublicKey:
    """The request's key, once it is proven that the sender holds it. Raises InvalidRequest (CSR_REFUSED)."""
    if len(csr_der) > LONGEST:
        raise _refused(f"the certificate request has {len(csr_der)} bytes, more than {LONGEST}")
    try:
        csr = x509.load_der_x509_csr(csr_der)
        key = csr.public_key()
        signed = csr.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise _refused("the certificate request cannot be read") from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise _refused("the certificate request's key is not ECDSA P-256")
    if not signed:
        raise _refused("the certificate request is not signed with its own key")
    return key


def _refused(sentence: str) -> InvalidRequest:
    return InvalidRequest(sentence, reason=Reason.CSR_REFUSED, next_step=_NEXT_STEP)
