"""The authority is founded once, whole or not at all; its root signs nothing afterwards."""

import stat
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from atp.identity import DeviceId, DeviceName
from cloud.enrollment import founding
from cloud.enrollment.authority import Authority
from cloud.enrollment.server_leaf import ServerLeaf
from cloud.errors import CloudError, InvalidRequest
from tests.enrolling import REALM, OwnClock, PlainSealer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "authority"


def opened(folder: Path, sealer: PlainSealer | None = None, name: str | None = None) -> Authority:
    return Authority.open(folder, sealer or PlainSealer(), OwnClock(), name=name)


def test_a_first_start_founds_it_and_later_starts_read_it(folder: Path) -> None:
    first = opened(folder)
    assert first.name.startswith("atp-")
    assert first.name.endswith(".invalid")
    again = opened(folder, name="other.example")
    assert (again.name, again.pin, again.device_ca) == (first.name, first.pin, first.device_ca)


def test_the_roots_key_is_sealed_and_never_unsealed(folder: Path) -> None:
    sealer = PlainSealer()
    opened(folder, sealer)
    opened(folder, sealer)
    assert "authority-key:root" not in sealer.unsealed
    assert len(sealer.unsealed) == 4


def test_no_key_stands_in_the_clear_and_nobody_else_may_look(folder: Path) -> None:
    opened(folder)
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"PRIVATE KEY" not in path.read_bytes()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_killed_first_start_leaves_nothing_that_looks_like_an_authority(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            opened(folder)
    assert not founding.is_founded(folder)
    opened(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["authority"]


@pytest.mark.parametrize("name", ["root.pem", "server-ca.pem", "device-ca.key.sealed"])
def test_a_damaged_authority_is_no_first_start(folder: Path, name: str) -> None:
    """A new root under an old state would lock out every device; so what is missing is named instead."""
    opened(folder)
    (folder / name).unlink()
    with pytest.raises(CloudError, match=name):
        opened(folder)


def test_swapped_keys_are_noticed(folder: Path) -> None:
    opened(folder)
    (folder / "device-ca.pem").write_bytes((folder / "server-ca.pem").read_bytes())
    with pytest.raises(CloudError, match="damaged"):
        opened(folder)


@pytest.mark.parametrize("name", ["UPPER", "a b", "a/b", "x" * 64, "spiffe://x"])
def test_a_name_that_no_identity_could_carry_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(InvalidRequest):
        opened(folder, name=name)
    assert not folder.exists()


def test_the_pin_is_what_rfc_7469_hashes(folder: Path) -> None:
    authority = opened(folder)
    info = authority.root.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert authority.pin == sha256(info).digest()


def test_a_device_certificate_says_what_the_authority_decides(folder: Path) -> None:
    authority = opened(folder)
    name = DeviceName(authority.name, REALM, DeviceId("dev_1"))
    key = generate_private_key(SECP256R1()).public_key()
    issued = authority.device_certificate(name, key, 1)
    leaf = x509.load_der_x509_certificate(issued.der)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier(name.uri())]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert authority.issued(leaf)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=7, minutes=5)
    server = authority.server_certificate([], key)
    assert not authority.issued(server)


def test_a_server_leaf_is_made_anew_before_it_ends(folder: Path) -> None:
    """A service that runs for months shows a new one at the next handshake."""
    clock = OwnClock()
    authority = Authority.open(folder, PlainSealer(), clock)
    leaf = ServerLeaf(authority, ["mail.example.org", "192.0.2.1"], clock, above=[authority.server_ca])
    first = leaf.credentials()
    clock.forward(days=59)
    assert leaf.credentials() == first
    clock.forward(days=2)
    renewed = x509.load_pem_x509_certificates(leaf.credentials().chain_pem)
    assert leaf.credentials() != first
    names = renewed[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mail.example.org", "localhost"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1", "127.0.0.1", "::1"]
    assert renewed[1] == authority.server_ca
