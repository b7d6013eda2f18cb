"""Devices that ask a trivial scorer in another process (lab.bench.scorer) instead of a cloud, over the same mutual TLS."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from atp.identity import DeviceId, DeviceName, RealmId
from cloud.address import Address
from cloud.clock import system_clock
from cloud.enrollment.signer import Issuer, Validity
from device.enrollment.identity import Identity
from lab.processes import running
from lab.site import POLICY_SECONDS, Site
from lab.waiting import until

_AUTHORITY: Final = "bench.example.com"
_DEVICE: Final = DeviceName(_AUTHORITY, RealmId("rlm_bench"), DeviceId("dev_bench"))
_LIFE: Final = timedelta(days=2)


@asynccontextmanager
async def trivial_scorer(folder: Path) -> AsyncIterator[Identity]:
    """Run one until the block ends; the identity of a device that belongs to it."""
    root = Issuer.root(_AUTHORITY, generate_private_key(SECP256R1()), _validity())
    _certify_server(root, folder)
    async with running([sys.executable, "-m", "lab.bench.scorer", str(folder)], folder / "scorer.log", {}) as process:
        yield _identity(root, process.ready["grpc"])


@asynccontextmanager
async def scored_device(
    folder: Path,
    server: Address,
    identity: Identity,
    *flags: str,
    program: str = "srx",
    environment: dict[str, str] | None = None,
) -> AsyncIterator[Site]:
    """A device in front of the server, fresh from its start, with a policy; the site has no cloud."""
    site = Site(folder, server, None)
    site.device_program = program
    site.device_environment = environment or {}
    identity.keep(site.device_state)  # which makes the folder
    await site.start_device(*flags)
    assert site.device is not None
    try:
        await until(site.has_policy, POLICY_SECONDS)
        yield site
    finally:
        await site.device.stop()


def _certify_server(root: Issuer, folder: Path) -> None:
    """The scorer's files."""
    folder.mkdir()
    (folder / "root.pem").write_bytes(root.certificate.public_bytes(Encoding.PEM))
    key = generate_private_key(SECP256R1())
    host = x509.IPAddress(ip_address("127.0.0.1"))
    leaf = root.server_leaf([host], key.public_key(), _validity())
    (folder / "server.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    (folder / "server.key").write_bytes(_pem(key))


def _identity(root: Issuer, endpoint: str) -> Identity:
    key = generate_private_key(SECP256R1())
    leaf = root.device_leaf(_DEVICE.device_id, _DEVICE.uri(), key.public_key(), _validity())
    return Identity(
        device_id=_DEVICE.device_id,
        realm_id=_DEVICE.realm_id,
        realm_name="bench",
        authority=_AUTHORITY,
        generation=1,
        serial="",
        endpoint=endpoint,
        enrolment_endpoint=endpoint,
        key_pem=_pem(key),
        chain_pem=leaf.public_bytes(Encoding.PEM),
        trust_bundle_pem=root.certificate.public_bytes(Encoding.PEM),
    )


def _validity() -> Validity:
    now = system_clock()
    return Validity(now - timedelta(hours=1), now + _LIFE, x509.random_serial_number())


def _pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
