"""Of a certificate request only the key is taken, and only a key that every part of the way can use."""

import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from atp.reasons import Reason
from cloud.enrollment.csr import LONGEST, key_of
from cloud.errors import InvalidRequest

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | dsa.DSAPrivateKey

P256 = ec.generate_private_key(ec.SECP256R1())


def request(key: Key, *extensions: x509.ExtensionType, name: str = "") -> bytes:
    """A request for that key, with that name and those extensions, DER."""
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    "csr",
    [
        request(P256),
        request(P256, name="realm-of-another"),
        request(P256, x509.BasicConstraints(ca=True, path_length=9)),
        request(P256, x509.SubjectAlternativeName([x509.UniformResourceIdentifier("spiffe://a/realm/b/device/c")])),
        request(P256, x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"odd")),
    ],
)
def test_whatever_a_request_asks_for_its_key_is_all_that_is_taken(csr: bytes) -> None:
    assert key_of(csr) == P256.public_key()


def broken_signature() -> bytes:
    """The last byte of the signature turned."""
    whole = request(P256)
    return whole[:-1] + bytes([whole[-1] ^ 1])


def swapped_key() -> bytes:
    """Another's key in a request that one signed oneself."""
    mine = ec.generate_private_key(ec.SECP256R1()).public_key()
    theirs, ours = (
        key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint) for key in (P256.public_key(), mine)
    )
    return request(P256).replace(theirs, ours)


@pytest.mark.parametrize(
    ("csr", "sentence"),
    [
        (request(rsa.generate_private_key(65537, 2048)), "not ECDSA P-256"),
        (request(ec.generate_private_key(ec.SECP384R1())), "not ECDSA P-256"),
        (request(ec.generate_private_key(ec.SECP521R1())), "not ECDSA P-256"),
        (request(ec.generate_private_key(ec.SECP256K1())), "not ECDSA P-256"),
        (request(ed25519.Ed25519PrivateKey.generate()), "not ECDSA P-256"),
        (request(dsa.generate_private_key(2048)), "not ECDSA P-256"),
        (broken_signature(), "not signed with its own key"),
        (swapped_key(), "not signed with its own key"),
        (b"", "cannot be read"),
        (b"\x30\x80" + b"\x00" * 100, "cannot be read"),
        (request(P256)[:-20], "cannot be read"),
        (request(P256) + b"\x00", "cannot be read"),
        (b"\x30" * 1_000_000, f"more than {LONGEST}"),
        (request(P256, x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), bytes(LONGEST))), "more than"),
    ],
)
def test_anything_else_is_refused_with_a_clear_reason(csr: bytes, sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(sentence)) as raised:
        key_of(csr)
    assert raised.value.reason is Reason.CSR_REFUSED
