"""CMS files, as OpenSSL's code and by hand."""

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID

from cloud.analyzers import kinds
from cloud.analyzers.cms import cms_media_type


@cache
def identity() -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    """Somebody who signs, and can be written to."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a@example.org")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(days=1))
    return builder.sign(key, hashes.SHA256()), key


def enveloped() -> bytes:
    certificate, _ = identity()
    return pkcs7.PKCS7EnvelopeBuilder().set_data(b"A text.").add_recipient(certificate).encrypt(Encoding.DER, [])


def signed(*options: pkcs7.PKCS7Options) -> bytes:
    certificate, key = identity()
    builder = pkcs7.PKCS7SignatureBuilder().set_data(b"A text.").add_signer(certificate, key, hashes.SHA256())
    return builder.sign(Encoding.DER, options)


def test_what_is_encrypted_or_holds_what_it_signs_is_a_closed_file() -> None:
    assert cms_media_type(enveloped()) == kinds.CMS
    assert cms_media_type(signed()) == kinds.CMS


def test_a_signature_beside_its_mail_is_a_signature() -> None:
    """Every signed mail carries one: it hides nothing, and no fallback is to decide it."""
    assert cms_media_type(signed(pkcs7.PKCS7Options.DetachedSignature)) == kinds.CMS_SIGNATURE


@pytest.mark.parametrize(
    ("tail", "media_type"),
    [("0000", kinds.CMS_SIGNATURE), ("a0800403414243", kinds.CMS), ("", kinds.CMS)],
    ids=["beside", "around", "cut"],
)
def test_lengths_may_be_left_open(tail: str, media_type: str) -> None:
    """BER, as programs that stream write it."""
    head = "308006092a864886f70d010702a0803080020101310d300b0609608648016503040201308006092a864886f70d010701"
    assert cms_media_type(bytes.fromhex(head + tail)) == media_type


def test_other_der_is_not_taken_for_it() -> None:
    certificate, _ = identity()
    assert cms_media_type(certificate.public_bytes(Encoding.DER)) == ""


def test_a_cut_file_ends_in_an_answer() -> None:
    """Behind the type it is CMS, whatever follows."""
    for content in (enveloped(), signed(pkcs7.PKCS7Options.DetachedSignature)):
        assert [cms_media_type(content[:end]) for end in range(15)] == [""] * 15
        assert {cms_media_type(content[:end]) for end in range(15, len(content), 7)} <= {kinds.CMS, kinds.CMS_SIGNATURE}
