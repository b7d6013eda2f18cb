"""Certificates, built field by field: what each kind says is decided here, whatever a request asked for.

    root (offline)                 CA, path length 1
    ├── server intermediate        CA, path length 0, serverAuth
    │   └── server leaf            host names and addresses, serverAuth
    └── device intermediate        CA, path length 0, clientAuth
        └── device leaf            one URI SAN (the device's identity), clientAuth

Source: RFC 5280, sections 4.1 and 4.2; for the device leaf also the SPIFFE X.509-SVID standard, sections 2 to 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CA_USAGE: Final = frozenset({"key_cert_sign", "crl_sign"})
_LEAF_USAGE: Final = frozenset({"digital_signature"})
_USAGES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True, slots=True)
class Validity:
    """From when until when, and under which serial number: what differs between two certificates of one kind."""

    not_before: datetime
    not_after: datetime
    serial_number: int


@dataclass(frozen=True, slots=True)
class Issuer:
    """A certificate authority: its certificate, and the key that signs."""

    certificate: x509.Certificate
    key: EllipticCurvePrivateKey

    @classmethod
    def root(cls, authority: str, key: EllipticCurvePrivateKey, validity: Validity) -> Self:
        """A new root, which signs itself. The authority's name stands in its organization, and so in all its children."""
        name = _name("root", authority)
        builder = _certificate(name, key.public_key(), validity).issuer_name(name)
        builder = _ca(builder, path_length=1)
        return cls(builder.sign(key, SHA256()), key)

    def intermediate(
        self, title: str, key: EllipticCurvePrivateKey, purpose: x509.ObjectIdentifier, validity: Validity
    ) -> "Issuer":
        """An authority under this one, for certificates of one purpose."""
        builder = _certificate(_name(title, self.authority), key.public_key(), validity)
        builder = _ca(builder, path_length=0).add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        return Issuer(self._sign(builder), key)

    def server_leaf(
        self, hosts: Sequence[x509.GeneralName], key: EllipticCurvePublicKey, validity: Validity
    ) -> x509.Certificate:
        """What a server shows."""
        builder = _certificate(_name("server", self.authority), key, validity)
        builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        return self._sign(_leaf(builder, ExtendedKeyUsageOID.SERVER_AUTH))

    def device_leaf(
        self, device_id: str, uri: str, key: EllipticCurvePublicKey, validity: Validity
    ) -> x509.Certificate:
        """What a device shows."""
        builder = _certificate(_name(device_id, self.authority), key, validity)
        identity = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
        return self._sign(_leaf(builder.add_extension(identity, critical=False), ExtendedKeyUsageOID.CLIENT_AUTH))

    @property
    def authority(self) -> str:
        """The authority's name, which all its certificates carry as their organization."""
        organization = self.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        return str(organization[0].value)

    def _sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        signed_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        named = builder.issuer_name(self.certificate.subject).add_extension(signed_by, critical=False)
        return named.sign(self.key, SHA256())


def key_info(key: EllipticCurvePublicKey) -> bytes:
    """The key's SubjectPublicKeyInfo: what pins and records hash."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _name(title: str, authority: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, authority),
            x509.NameAttribute(NameOID.COMMON_NAME, title),
        ]
    )


def _certificate(subject: x509.Name, key: EllipticCurvePublicKey, validity: Validity) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(validity.serial_number)
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _ca(builder: x509.CertificateBuilder, *, path_length: int) -> x509.CertificateBuilder:
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    return builder.add_extension(constraints, critical=True).add_extension(_usage(_CA_USAGE), critical=True)


def _leaf(builder: x509.CertificateBuilder, purpose: x509.ObjectIdentifier) -> x509.CertificateBuilder:
    constraints = x509.BasicConstraints(ca=False, path_length=None)
    return (
        builder.add_extension(constraints, critical=True)
        .add_extension(_usage(_LEAF_USAGE), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    )


def _usage(wanted: frozenset[str]) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in wanted for usage in _USAGES})
