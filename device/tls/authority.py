"""The inspection CA: certificates for any server's name, for clients that were told to trust it.

A folder holds `ca.pem`, which clients import, and `ca.key`, which makes whoever has it every server of theirs: mode 0600. Issued
certificates live in memory alone; one key serves them all, as long as the process lives.
"""

import os
import ssl
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from device.smtp import limits

AUTHORITY_LIFE: Final = timedelta(days=3650)
"""Ten years: exchanging it means touching every client."""

CERTIFICATE_LIFE: Final = timedelta(days=7)
RENEWED_BEFORE: Final = timedelta(days=1)
BACKDATED: Final = timedelta(hours=1)
"""Clients' clocks may be slow."""

_SERVER_AUTH: Final = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])


class InspectionAuthority:
    """Signs for names. Made on first use; ValueError or OSError, where the folder's files can't be used."""

    def __init__(self, folder: Path, clock: Callable[[], datetime]) -> None:
        self._folder = folder
        self._clock = clock
        self._certificate, self._key = _loaded(folder) if (folder / "ca.pem").exists() else _made(folder, clock())
        self._leaf_key = generate_private_key(SECP256R1())
        self._contexts: OrderedDict[str, tuple[datetime, ssl.SSLContext]] = OrderedDict()

    def context_for(self, name: str) -> ssl.SSLContext:
        """What a client that means this name is shown; the last CERTIFICATES names are remembered. ValueError for no name."""
        now = self._clock()
        until, context = self._contexts.pop(name, (now, None))
        if context is None or until - now < RENEWED_BEFORE:
            until, context = now + CERTIFICATE_LIFE, self._context(self._issued(name, now))
        self._contexts[name] = until, context
        if len(self._contexts) > limits.CERTIFICATES:
            self._contexts.popitem(last=False)
        return context

    def _issued(self, name: str, now: datetime) -> x509.Certificate:
        return (
            _builder(now, CERTIFICATE_LIFE)
            .subject_name(x509.Name([]))
            .issuer_name(self._certificate.subject)
            .public_key(self._leaf_key.public_key())
            .add_extension(x509.SubjectAlternativeName([general_name(name)]), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_SERVER_AUTH, critical=False)
            .add_extension(_issuer(self._key), critical=False)
            .sign(self._key, SHA256())
        )

    def _context(self, certificate: x509.Certificate) -> ssl.SSLContext:
        """The ssl module reads certificates from files alone."""
        pem = certificate.public_bytes(Encoding.PEM) + self._certificate.public_bytes(Encoding.PEM)
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix="issued-") as file:
            file.write(pem + _pem(self._leaf_key))
            file.flush()
            return presenting(Path(file.name), None)


def presenting(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """A context that shows this chain. OSError or ssl.SSLError, where it can't be read or doesn't match the key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(certificate, key, password=_no_password)
    return context


def _no_password() -> bytes:
    """A daemon is not to be stopped by OpenSSL's question for one."""
    return b""


def general_name(name: str) -> x509.GeneralName:
    """A server's name in a certificate: an address or a DNS name. ValueError for what is neither."""
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _loaded(folder: Path) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    certificate = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    try:
        key = load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
    except TypeError as error:
        raise ValueError("ca.key has a password") from error
    if not isinstance(key, EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ValueError("ca.key is not ca.pem's key")
    return certificate, key


def _made(folder: Path, now: datetime) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "srx inspection CA")])
    certificate = (
        _builder(now, AUTHORITY_LIFE)
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_SIGNS_CERTIFICATES, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    descriptor = os.open(folder / "ca.key", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_pem(key))
    # Last: a folder with a ca.pem is one that is whole.
    (folder / "ca.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    return certificate, key


_SIGNS_CERTIFICATES: Final = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _builder(now: datetime, life: timedelta) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - BACKDATED).not_valid_after(now + life)


def _issuer(key: EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
