"""The authority's folder: made once, whole or not at all, and read at every later start.

First start makes the root, signs the two intermediates, seals all three keys and never loads the root's again: to sign
another intermediate takes the master key and a person. The folder appears by one rename, so that a first start that is killed
leaves nothing that looks like an authority.

    root.pem   server-ca.pem   device-ca.pem                     certificates
    root.key.sealed   server-ca.key.sealed   device-ca.key.sealed    sealed keys (PKCS #8, DER)
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from cloud.enrollment.signer import Issuer, Validity
from cloud.errors import CloudError

ROOT_LIFETIME: Final = timedelta(days=365 * 20)
INTERMEDIATE_LIFETIME: Final = timedelta(days=365 * 10)
BACKDATED: Final = timedelta(days=1)
"""How far an authority's own certificates reach back: a device whose clock is slow should learn that, not fail in TLS."""

_ROOT: Final = "root"
_SERVER_CA: Final = "server-ca"
_DEVICE_CA: Final = "device-ca"


class Sealer(Protocol):
    """Encrypts small secrets under a key that does not lie beside them."""

    def seal(self, purpose: str, data: bytes) -> bytes:
        """The data, sealed for that purpose alone."""

    def unseal(self, purpose: str, sealed: bytes) -> bytes:
        """What was sealed for that purpose. Raises CloudError where key, purpose or data are not what they were."""


@dataclass(frozen=True, slots=True)
class Founding:
    """What a running service needs of the authority: the root's certificate, and two issuers that sign."""

    root: x509.Certificate
    server: Issuer
    device: Issuer


def found(folder: Path, sealer: Sealer, authority: str, now: datetime) -> None:
    """Make the authority. Takes place of an empty folder or of none."""
    keys = {name: generate_private_key(SECP256R1()) for name in (_ROOT, _SERVER_CA, _DEVICE_CA)}
    root = Issuer.root(authority, keys[_ROOT], _validity(now, ROOT_LIFETIME))
    in_between = _validity(now, INTERMEDIATE_LIFETIME)
    server = root.intermediate("server CA", keys[_SERVER_CA], ExtendedKeyUsageOID.SERVER_AUTH, in_between)
    in_between = _validity(now, INTERMEDIATE_LIFETIME)
    device = root.intermediate("device CA", keys[_DEVICE_CA], ExtendedKeyUsageOID.CLIENT_AUTH, in_between)
    files: dict[str, bytes] = {}
    for name, issuer in ((_ROOT, root), (_SERVER_CA, server), (_DEVICE_CA, device)):
        files[f"{name}.pem"] = issuer.certificate.public_bytes(Encoding.PEM)
        files[f"{name}.key.sealed"] = sealer.seal(_purpose(name), _plain(issuer.key))
    _appear(folder, files)


def read(folder: Path, sealer: Sealer) -> Founding:
    """The authority that was made here. The root's key stays sealed. Raises CloudError that names what is damaged."""
    return Founding(
        _certificate(folder, _ROOT), _issuer(folder, sealer, _SERVER_CA), _issuer(folder, sealer, _DEVICE_CA)
    )


def is_founded(folder: Path) -> bool:
    """Whether there is anything in the folder: a damaged authority is not a missing one."""
    return folder.is_dir() and any(folder.iterdir())


def _validity(now: datetime, lifetime: timedelta) -> Validity:
    return Validity(now - BACKDATED, now + lifetime, x509.random_serial_number())


def _purpose(name: str) -> str:
    return f"authority-key:{name}"


def _plain(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _issuer(folder: Path, sealer: Sealer, name: str) -> Issuer:
    key = load_der_private_key(sealer.unseal(_purpose(name), _bytes(folder, f"{name}.key.sealed")), password=None)
    certificate = _certificate(folder, name)
    if not isinstance(key, EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise _damaged(folder, f"{name}.key.sealed")
    return Issuer(certificate, key)


def _certificate(folder: Path, name: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(_bytes(folder, f"{name}.pem"))
    except ValueError as error:
        raise _damaged(folder, f"{name}.pem") from error


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError as error:
        raise _damaged(folder, name) from error


def _damaged(folder: Path, name: str) -> CloudError:
    return CloudError(
        f"the authority's file {folder / name} is missing or damaged",
        next_step="Restore the folder from a backup; without it every device has to enrol anew.",
    )


def _appear(folder: Path, files: Mapping[str, bytes]) -> None:
    """All files at once, on disk before anyone sees them: 0600 in a folder 0700."""
    growing = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(growing, ignore_errors=True)
    growing.mkdir(mode=0o700, parents=True)
    for name, content in files.items():
        _write(growing / name, content)
    _sync(growing)
    growing.rename(folder)
    _sync(folder.parent)


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600, exist_ok=False)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
