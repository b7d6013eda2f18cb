"""Who this device is to its cloud, on disk: the key, which never leaves, and the certificate that goes with it.

    <state>/identity/                 0700
        current -> dev_…-3            the identity in force: one symbolic link, swapped by one rename
        dev_…-3/                      0700; one folder a generation
            key.pem                   0600; ECDSA P-256, PKCS #8
            chain.pem                 the device's certificate, then the device intermediate
            trust.pem                 the roots that the cloud's servers must chain to
            identity.json             ids, endpoints, serial number

A kill at any moment leaves the old identity or the new one, whole.
"""

import json
import os
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from atp.identity import DeviceId, DeviceName, RealmId
from device.errors import IdentityDamaged

_CURRENT: Final = "current"
_FILES: Final = {"key_pem": "key.pem", "chain_pem": "chain.pem", "trust_bundle_pem": "trust.pem"}


@dataclass(frozen=True, slots=True)
class Identity:
    """A device identity. Endpoints are HOST:PORT: of the device port, and of the enrolment port for when TLS fails."""

    device_id: DeviceId
    realm_id: RealmId
    realm_name: str
    authority: str
    generation: int
    serial: str
    endpoint: str
    enrolment_endpoint: str
    key_pem: bytes
    chain_pem: bytes
    trust_bundle_pem: bytes

    def __repr__(self) -> str:
        return f"Identity({self.name.uri()}, generation={self.generation})"

    @property
    def name(self) -> DeviceName:
        """As it must stand in the certificate."""
        return DeviceName(self.authority, self.realm_id, self.device_id)

    @property
    def certificate(self) -> x509.Certificate:
        """The device's own certificate."""
        return x509.load_pem_x509_certificate(self.chain_pem)

    @property
    def not_before(self) -> datetime:
        """From when the certificate is valid."""
        return self.certificate.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        """Until when the certificate is valid."""
        return self.certificate.not_valid_after_utc

    @property
    def key(self) -> EllipticCurvePrivateKey:
        """The private key. Raises IdentityDamaged."""
        key = load_pem_private_key(self.key_pem, password=None)
        if not isinstance(key, EllipticCurvePrivateKey):
            raise _damaged("the key is of another kind")
        return key

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Mutual TLS as this device, to a server that chains to the identity's roots."""
        return grpc.ssl_channel_credentials(self.trust_bundle_pem, self.key_pem, self.chain_pem)

    def check(self) -> None:
        """The parts belong together: key, certificate, name. Raises IdentityDamaged."""
        try:
            fits = self.key.public_key() == self.certificate.public_key()
            names = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            uris = names.get_values_for_type(x509.UniformResourceIdentifier)
            x509.load_pem_x509_certificates(self.trust_bundle_pem)
        except (ValueError, TypeError, x509.ExtensionNotFound) as error:
            raise _damaged("key or certificate cannot be read") from error
        if not fits or uris != [self.name.uri()]:
            raise _damaged("key, certificate and name do not belong together")

    def keep(self, state: Path) -> None:
        """Put this identity in force on disk: all of it, or nothing."""
        folder = _folder(state)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = _unused(folder, f"{self.device_id}-{self.generation}")
        _write_whole(folder / name, self._files())
        swap = folder / f"{_CURRENT}.new"
        swap.unlink(missing_ok=True)
        swap.symlink_to(name)
        swap.replace(folder / _CURRENT)
        _sync(folder)
        _remove_others(folder, name)

    @classmethod
    def load(cls, state: Path) -> Self | None:
        """The identity in force; None: not enrolled. Raises IdentityDamaged that says what is wrong with it."""
        current = _folder(state) / _CURRENT
        if not current.is_symlink():
            return None
        try:
            told: dict[str, Any] = json.loads((current / "identity.json").read_bytes())
            told |= {field: (current / file).read_bytes() for field, file in _FILES.items()}
            identity = cls(**told)
        except (OSError, ValueError, TypeError) as error:
            raise _damaged(f"{current} cannot be read ({type(error).__name__})") from error
        identity.check()
        return identity

    def _files(self) -> dict[str, bytes]:
        told = asdict(self)
        files = {file: told.pop(field) for field, file in _FILES.items()}
        return {**files, "identity.json": json.dumps(told, indent=2).encode()}


def forget(state: Path) -> None:
    """Remove the identity, its key first of all."""
    folder = _folder(state)
    (folder / _CURRENT).unlink(missing_ok=True)
    if folder.is_dir():
        _remove_others(folder, _CURRENT)
        _sync(folder)


def _folder(state: Path) -> Path:
    return state / "identity"


def _unused(folder: Path, name: str) -> str:
    """The folder in force is never written to: kept again, an identity gets another."""
    current = folder / _CURRENT
    return f"{name}-again" if current.is_symlink() and current.readlink().name == name else name


def _write_whole(folder: Path, files: dict[str, bytes]) -> None:
    """The folder with all its files, on disk, under its name only once it is whole."""
    growing = folder.with_name(f"{folder.name}.new")
    for leftover in (growing, folder):
        shutil.rmtree(leftover, ignore_errors=True)
    growing.mkdir(mode=0o700)
    for name, content in files.items():
        write_private(growing / name, content)
    _sync(growing)
    growing.rename(folder)


def write_private(path: Path, content: bytes) -> None:
    """A file for its owner's eyes alone (0600 from its first moment), on disk before this returns."""
    path.touch(mode=0o600)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _remove_others(folder: Path, kept: str) -> None:
    for each in folder.iterdir():
        if each.name not in (kept, _CURRENT):
            shutil.rmtree(each, ignore_errors=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _damaged(what: str) -> IdentityDamaged:
    return IdentityDamaged(
        f"the identity of this device is damaged: {what}",
        next_step="Restore the state folder, or enrol anew: srx enroll --replace URL.",
    )
