"""The client certificate of a call: what of it holds at this moment, before anyone asks whose it is.

TLS has checked that the device intermediate signed it and that the peer holds its key; once, when the connection was made.
Expiry is checked here again, on every call and by our clock; so is its purpose, which grpcio does not look at.
Source: the SPIFFE X.509-SVID standard, section 5 (exactly one URI SAN), and RFC 5280, section 4.2.1.12 (purpose).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID

from atp.identity import DeviceName, NotAnIdentity
from atp.reasons import Reason
from cloud.errors import NotSignedIn

_ENROL: Final = "Enrol the device: srx enroll URL."


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """A device certificate: the identity in it, its fingerprint (SHA-256 of the DER), and its end."""

    name: DeviceName
    sha256: bytes
    not_before: datetime
    not_after: datetime


def shown(auth_context: Mapping[str, Iterable[bytes]], now: datetime) -> ShownCertificate:
    """The certificate of a connection, in force now. Raises NotSignedIn (CERTIFICATE_…) that says what is wrong with it."""
    pem = next(iter(auth_context.get("x509_pem_cert", ())), None)
    if pem is None:
        raise NotSignedIn("this call needs a device certificate", next_step=_ENROL)
    # gRPC leaves this out where a certificate has two URIs: two names are none.
    spiffe_ids = tuple(auth_context.get("peer_spiffe_id", ()))
    if len(spiffe_ids) != 1:
        raise refused("the certificate does not name exactly one device")
    certificate = of_device(x509.load_pem_x509_certificate(pem))
    if certificate.name.uri().encode() != spiffe_ids[0]:
        raise refused("the certificate does not name exactly one device")
    in_force(certificate, now)
    return certificate


def of_device(certificate: x509.Certificate) -> ShownCertificate:
    """What the certificate says, once its one name and its purpose are a device's. Raises NotSignedIn (CERTIFICATE_REFUSED)."""
    try:
        extensions = certificate.extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        (uri,) = names
        name = DeviceName.parse(uri.value if isinstance(uri, x509.UniformResourceIdentifier) else "")
    except (ValueError, x509.ExtensionNotFound, NotAnIdentity) as error:
        raise refused("the certificate does not name exactly one device") from error
    if ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
        raise refused("the certificate is not for clients")
    return ShownCertificate(
        name=name,
        sha256=certificate.fingerprint(SHA256()),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def in_force(certificate: ShownCertificate, now: datetime) -> None:
    """Raises NotSignedIn (CERTIFICATE_NOT_YET_VALID, CERTIFICATE_EXPIRED) that names both times."""
    if now < certificate.not_before:
        raise NotSignedIn(
            f"the certificate is valid from {stamp(certificate.not_before)}, and here it is {stamp(now)}",
            reason=Reason.CERTIFICATE_NOT_YET_VALID,
            next_step="Set the clocks of device and cloud; then the certificate is good.",
        )
    if now > certificate.not_after:
        raise expired(certificate.not_after, now)


def expired(not_after: datetime, now: datetime) -> NotSignedIn:
    """The certificate has ended; also said to calls that outlive it."""
    return NotSignedIn(
        f"the certificate ended at {stamp(not_after)}, and here it is {stamp(now)}",
        reason=Reason.CERTIFICATE_EXPIRED,
        next_step="The device recovers by itself for 30 days; after that, enrol it anew: srx enroll --replace URL.",
    )


def refused(sentence: str, **fields: str | int) -> NotSignedIn:
    """The certificate is not one that this cloud made for a device, whatever TLS thought of it."""
    return NotSignedIn(sentence, reason=Reason.CERTIFICATE_REFUSED, next_step=_ENROL, **fields)


def stamp(moment: datetime) -> str:
    """A time for people and logs: UTC, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
