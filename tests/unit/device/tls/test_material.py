"""Reloading: what is on disk now counts for sessions that begin now, and what is wrong there changes nothing."""

import shutil
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from device.errors import WrongSetting
from device.smtp.encrypting import Starttls
from device.tls.encryption import TlsSettings
from device.tls.layer import Layer
from device.tls.material import Material
from tests.certificates import Issued, TestAuthority

NAME = "mail.example.net"


def shown(material: Material) -> bytes:
    """The certificate that a client sees, DER."""
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname, client_context.verify_mode = False, ssl.CERT_NONE
    server = material.current().for_client(NAME)
    client = Layer(client_context, server_side=False, server_name=NAME)
    client.receive(b"")
    while not (client.done and server.done):
        server.receive(client.take())
        client.receive(server.take())
    return client.peer_chain[0]


@pytest.fixture
def own(tmp_path: Path) -> Issued:
    """Where the settings look for certificate and key."""
    issued = TestAuthority(tmp_path).server(NAME)
    return Issued(issued.certificate.rename(tmp_path / "own.pem"), issued.key.rename(tmp_path / "own.key"))


@pytest.fixture
def material(own: Issued) -> Material:
    return Material(TlsSettings(certificate=own.certificate, key=own.key))


def put_another(own: Issued, *, key: bool = True) -> None:
    """A renewed certificate in the old one's place."""
    other = TestAuthority(own.certificate.parent).server(NAME)
    other.certificate.rename(own.certificate)
    if key:
        other.key.rename(own.key)


def test_a_renewed_certificate_is_shown_after_a_reload(material: Material, own: Issued) -> None:
    """Not before; and whoever has begun goes on with what it had."""
    begun, first = material.current(), shown(material)
    put_another(own)
    assert shown(material) == first
    material.reload()
    assert shown(material) != first
    assert begun is not material.current()


def missing(own: Issued) -> None:
    own.certificate.unlink()


def no_certificate(own: Issued) -> None:
    own.certificate.write_text("no certificate")


def half_renewed(own: Issued) -> None:
    put_another(own, key=False)


def with_a_password(own: Issued) -> None:
    key = load_pem_private_key(own.key.read_bytes(), None)
    own.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))


@pytest.mark.parametrize("break_it", [missing, no_certificate, half_renewed, with_a_password])
def test_what_is_wrong_on_disk_leaves_the_old_in_force(
    material: Material, own: Issued, break_it: Callable[[Issued], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """And the log says what, and what to do; nobody is asked for a password."""
    before = material.current()
    break_it(own)
    with pytest.raises(WrongSetting, match=r"own\.pem can't be used"):
        material.reload()
    assert material.current() is before
    said = capsys.readouterr().out
    assert "tls.not-reloaded" in said
    assert "the device goes on with what it had" in said


def test_another_ca_in_the_folder_signs_after_a_reload(tmp_path: Path) -> None:
    material = Material(TlsSettings(inspection_ca=tmp_path / "ca"))
    Material(TlsSettings(inspection_ca=tmp_path / "other"))
    first = shown(material)
    for name in ("ca.pem", "ca.key"):
        shutil.copy(tmp_path / "other" / name, tmp_path / "ca" / name)
    assert shown(material) == first
    material.reload()
    assert shown(material) != first


def test_a_ca_that_has_gone_is_not_made_anew(tmp_path: Path) -> None:
    """No client would trust it."""
    material = Material(TlsSettings(inspection_ca=tmp_path / "ca"))
    before = material.current()
    (tmp_path / "ca" / "ca.pem").unlink()
    with pytest.raises(WrongSetting, match=r"no ca\.pem any more"):
        material.reload()
    assert material.current() is before
    assert not (tmp_path / "ca" / "ca.pem").exists()


def test_roots_are_taken_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a file that can't be read is not taken for one without roots, where nobody would be trusted."""
    roots = tmp_path / "roots.pem"
    shutil.copy(TestAuthority(tmp_path, "One").root, roots)
    monkeypatch.setenv("SSL_CERT_FILE", str(roots))
    material = Material(TlsSettings(inspection_ca=tmp_path / "ca"))
    before = material.current()
    roots.unlink()
    with pytest.raises(WrongSetting, match="the roots can't be used"):
        material.reload()
    assert material.current() is before
    shutil.copy(TestAuthority(tmp_path, "Two").root, roots)
    material.reload()
    assert material.current() is not before


def test_where_nothing_is_loaded_a_reload_is_no_error() -> None:
    material = Material(TlsSettings(Starttls.PASS))
    material.reload()
    assert material.current().policy is Starttls.PASS
