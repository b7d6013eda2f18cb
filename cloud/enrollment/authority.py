"""The certificate authority: whose devices are these, which root do they insist on, and what may a key become.

The authority decides what a certificate says and for how long; cloud.enrollment.signer writes it; cloud.storage.devices
remembers it.
"""

import re
import secrets
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from atp.identity import DeviceName
from cloud.clock import Clock
from cloud.enrollment import founding
from cloud.enrollment.founding import Founding, Sealer
from cloud.enrollment.signer import Validity, key_info
from cloud.enrollment.standing import IssuedCertificate
from cloud.errors import InvalidRequest

DEVICE_LIFETIME: Final = timedelta(days=7)
SERVER_LIFETIME: Final = timedelta(days=90)
SKEW: Final = timedelta(minutes=5)
"""How far a device's clock may be off; its certificates are valid from that long ago."""

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


class Authority:
    """Signs what this cloud's servers and devices show. Made by open()."""

    def __init__(self, founded: Founding, clock: Clock, *, device_lifetime: timedelta = DEVICE_LIFETIME) -> None:
        self._founded = founded
        self._clock = clock
        self._device_lifetime = device_lifetime

    @classmethod
    def open(
        cls,
        folder: Path,
        sealer: Sealer,
        clock: Clock,
        *,
        name: str | None = None,
        device_lifetime: timedelta = DEVICE_LIFETIME,
    ) -> Self:
        """The authority of that folder; made there at the first start, and only then.

        `name` is for the first start: lower-case letters, digits, dots and hyphens; without one it is random.
        Raises CloudError where the folder is damaged, InvalidRequest for a name that cannot be.
        """
        if not founding.is_founded(folder):
            founding.found(folder, sealer, _checked(name or f"atp-{secrets.token_hex(4)}.invalid"), clock())
        return cls(founding.read(folder, sealer), clock, device_lifetime=device_lifetime)

    @property
    def name(self) -> str:
        """What stands in spiffe://<authority>/realm/…, the first part of every device's identity."""
        return self._founded.server.authority

    @property
    def pin(self) -> bytes:
        """SHA-256 of the root's SubjectPublicKeyInfo: what enrolment URLs carry."""
        key = self._founded.root.public_key()
        assert isinstance(key, EllipticCurvePublicKey)
        return sha256(key_info(key)).digest()

    @property
    def root(self) -> x509.Certificate:
        """What devices trust."""
        return self._founded.root

    @property
    def server_ca(self) -> x509.Certificate:
        """What signs server certificates."""
        return self._founded.server.certificate

    @property
    def device_ca(self) -> x509.Certificate:
        """What signs device certificates, and what servers trust: not the root, or servers would pass for devices."""
        return self._founded.device.certificate

    def device_certificate(self, device: DeviceName, key: EllipticCurvePublicKey, generation: int) -> IssuedCertificate:
        """Signs: whoever holds this key is that device, for the device lifetime from now on."""
        now = self._clock()
        validity = Validity(now - SKEW, now + self._device_lifetime, x509.random_serial_number())
        leaf = self._founded.device.device_leaf(device.device_id, device.uri(), key, validity)
        return IssuedCertificate(
            sha256=leaf.fingerprint(SHA256()),
            generation=generation,
            key_sha256=sha256(key_info(key)).digest(),
            der=leaf.public_bytes(Encoding.DER),
            not_after=leaf.not_valid_after_utc,
        )

    def server_certificate(self, hosts: Sequence[str], key: EllipticCurvePublicKey) -> x509.Certificate:
        """Signs: whoever holds this key serves these host names and addresses, and loopback."""
        now = self._clock()
        validity = Validity(now - founding.BACKDATED, now + SERVER_LIFETIME, x509.random_serial_number())
        names = [_general_name(host) for host in dict.fromkeys((*hosts, *_LOOPBACK))]
        return self._founded.server.server_leaf(names, key, validity)

    def issued(self, certificate: x509.Certificate) -> bool:
        """Whether the device intermediate signed this certificate."""
        try:
            certificate.verify_directly_issued_by(self.device_ca)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True


def _checked(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise InvalidRequest(
            "that is no name for an authority",
            next_step="Use up to 63 lower-case letters, digits, dots and hyphens.",
        )
    return name


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host.encode("idna").decode())
