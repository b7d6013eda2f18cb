"""Of a client certificate holds only what is a device's, exactly, now."""

import ipaddress
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from atp.reasons import Reason
from cloud.errors import NotSignedIn
from cloud.rpc.certificate import shown

NOW = datetime(2030, 1, 1, tzinfo=UTC)
URI = "spiffe://atp-0.invalid/realm/realm_one/device/dev_1"


def certificate(names: list[x509.GeneralName], purpose: x509.ObjectIdentifier) -> bytes:
    """A certificate with these names for that purpose, valid for an hour from now; who signed it is TLS' business."""
    key = generate_private_key(SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(hours=1))
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def context(pem: bytes, *spiffe_ids: str) -> Mapping[str, Iterable[bytes]]:
    """What gRPC says of a connection; it leaves peer_spiffe_id out where there are two URIs."""
    return {
        "x509_pem_cert": [pem],
        **({"peer_spiffe_id": [each.encode() for each in spiffe_ids]} if spiffe_ids else {}),
    }


CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


def uri(text: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(text)


def test_a_device_certificate_is_read() -> None:
    found = shown(context(certificate([uri(URI)], CLIENT), URI), NOW)
    assert (found.name.uri(), found.not_before) == (URI, NOW)


@pytest.mark.parametrize(
    ("names", "purpose", "spiffe_ids"),
    [
        ([uri(URI)], SERVER, (URI,)),
        ([uri(URI), uri(URI + "2")], CLIENT, ()),
        ([uri(URI), uri(URI + "2")], CLIENT, (URI,)),
        ([uri(URI), x509.DNSName("localhost")], CLIENT, (URI,)),
        ([uri(URI)], CLIENT, (URI + "2",)),
        ([uri(URI)], CLIENT, (URI, URI)),
        ([uri("spiffe://atp-0.invalid/other/x")], CLIENT, ("spiffe://atp-0.invalid/other/x",)),
        ([x509.IPAddress(ipaddress.ip_address("192.0.2.1"))], CLIENT, (URI,)),
        ([], CLIENT, (URI,)),
        ([], CLIENT, ()),
    ],
)
def test_anything_but_exactly_one_device_and_its_purpose_is_refused(
    names: list[x509.GeneralName], purpose: x509.ObjectIdentifier, spiffe_ids: tuple[str, ...]
) -> None:
    with pytest.raises(NotSignedIn) as raised:
        shown(context(certificate(names, purpose), *spiffe_ids), NOW)
    assert raised.value.reason is Reason.CERTIFICATE_REFUSED


@pytest.mark.parametrize(
    ("minutes", "reason"),
    [(-1, Reason.CERTIFICATE_NOT_YET_VALID), (0, None), (60, None), (61, Reason.CERTIFICATE_EXPIRED)],
)
def test_its_dates_are_judged_by_the_time_given(minutes: int, reason: Reason | None) -> None:
    seen = context(certificate([uri(URI)], CLIENT), URI)
    try:
        shown(seen, NOW + timedelta(minutes=minutes))
        found = None
    except NotSignedIn as error:
        found = error.reason
    assert found == reason


def test_no_certificate_is_told_as_such() -> None:
    with pytest.raises(NotSignedIn) as raised:
        shown({"transport_security_type": [b"ssl"]}, NOW)
    assert raised.value.reason is Reason.CERTIFICATE_REQUIRED
