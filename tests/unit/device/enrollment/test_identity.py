"""The identity on disk: whole or not there, and for nobody else's eyes."""

import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from atp.identity import DeviceId, DeviceName, RealmId
from device.enrollment.identity import Identity, forget
from device.enrollment.keys import new_key_pem
from device.errors import IdentityDamaged


def identity(generation: int = 1, device: str = "dev_1") -> Identity:
    """One that signed itself: on disk that makes no difference."""
    name = DeviceName("atp-0.invalid", RealmId("realm_1"), DeviceId(device))
    key_pem = new_key_pem()
    return Identity(
        device_id=name.device_id,
        realm_id=name.realm_id,
        realm_name="one",
        authority=name.authority,
        generation=generation,
        serial="SN1",
        endpoint="localhost:9443",
        enrolment_endpoint="localhost:8443",
        key_pem=key_pem,
        chain_pem=certificate(name, key_pem),
        trust_bundle_pem=certificate(name, new_key_pem()),
    )


def certificate(name: DeviceName, key_pem: bytes) -> bytes:
    key = load_pem_private_key(key_pem, None)
    assert isinstance(key, EllipticCurvePrivateKey)
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        x509.Name([]),
        x509.Name([]),
        key.public_key(),
        1,
        now,
        now + timedelta(days=7),
    ).add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(name.uri())]), critical=False)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def test_what_was_kept_is_loaded(tmp_path: Path) -> None:
    kept = identity()
    assert Identity.load(tmp_path) is None
    kept.keep(tmp_path)
    assert Identity.load(tmp_path) == kept


def test_nobody_else_can_read_any_of_it(tmp_path: Path) -> None:
    identity().keep(tmp_path)
    for path in (tmp_path / "identity").rglob("*"):
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_the_key_shows_in_no_text() -> None:
    assert "PRIVATE" not in repr(identity())


def test_a_new_generation_takes_the_old_ones_place_and_its_key_is_gone(tmp_path: Path) -> None:
    identity(1).keep(tmp_path)
    second = identity(2)
    second.keep(tmp_path)
    assert Identity.load(tmp_path) == second
    assert len(list((tmp_path / "identity").rglob("key.pem"))) == 1
    assert {path.name for path in (tmp_path / "identity").iterdir()} == {"current", "dev_1-2"}


def test_keeping_it_again_takes_nothing_away_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = identity()
    kept.keep(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            kept.keep(tmp_path)
    assert Identity.load(tmp_path) == kept
    for _ in range(3):
        kept.keep(tmp_path)
        assert Identity.load(tmp_path) == kept


@pytest.mark.parametrize("step", ["rename", "symlink_to", "replace"])
def test_a_kill_at_any_step_leaves_the_old_identity_or_the_new(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next attempt goes through."""
    old, new = identity(1), identity(2)
    old.keep(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Path, step, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            new.keep(tmp_path)
    assert Identity.load(tmp_path) == old
    new.keep(tmp_path)
    assert Identity.load(tmp_path) == new


@pytest.mark.parametrize("name", ["key.pem", "chain.pem", "trust.pem", "identity.json"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n"])
def test_a_damaged_identity_is_told_as_such(tmp_path: Path, name: str, content: bytes | None) -> None:
    identity().keep(tmp_path)
    path = tmp_path / "identity" / "current" / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(IdentityDamaged, match="damaged"):
        Identity.load(tmp_path)


def test_parts_of_two_identities_are_none(tmp_path: Path) -> None:
    one, two = identity(device="dev_1"), identity(device="dev_2")
    for mixed in (replace(one, key_pem=two.key_pem), replace(one, device_id=two.device_id)):
        mixed.keep(tmp_path)
        with pytest.raises(IdentityDamaged, match="do not belong together"):
            Identity.load(tmp_path)


def test_what_is_forgotten_is_gone_and_can_be_forgotten_again(tmp_path: Path) -> None:
    identity().keep(tmp_path)
    forget(tmp_path)
    forget(tmp_path)
    assert Identity.load(tmp_path) is None
    assert list((tmp_path / "identity").iterdir()) == []
