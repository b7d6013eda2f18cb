"""Keys of this device: made here, kept here; what leaves is the request for a certificate and proofs.

ECDSA P-256, since every part of the way can use it (grpcio's TLS takes neither Ed25519 nor P-521).
"""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key


def new_key_pem() -> bytes:
    """A new private key, PKCS #8 PEM."""
    return generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def request_for(key_pem: bytes) -> bytes:
    """A certificate signing request (PKCS #10, DER) for this key. It names nothing: the cloud takes the key alone."""
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(_loaded(key_pem), SHA256())
    return csr.public_bytes(Encoding.DER)


def proof(key_pem: bytes, signed: bytes) -> bytes:
    """ECDSA-SHA256 with this key; what is signed stands in atp.proofs."""
    return _loaded(key_pem).sign(signed, ECDSA(SHA256()))


def _loaded(key_pem: bytes) -> EllipticCurvePrivateKey:
    """Raises ValueError for a key of another kind."""
    key = load_pem_private_key(key_pem, password=None)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise ValueError("not an elliptic curve key")  # noqa: TRY004 - the file's content is wrong, not a caller's type
    return key
