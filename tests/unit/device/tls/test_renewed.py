"""Material that is loaded again: what is on disk now, or an error that names what is wrong there."""

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
from device.tls.encryption import Encryption, TlsSettings, encryption
from device.tls.layer import Layer
from device.tls.renewed import renewed
from tests.certificates import Issued, TestAuthority

NAME = "mail.example.net"


def shown(made: Encryption) -> bytes:
    """The certificate that a client sees, DER."""
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname, client_context.verify_mode = False, ssl.CERT_NONE
    server = made.for_client(NAME)
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


def put_another(own: Issued, *, key: bool = True) -> None:
    """A renewed certificate in the old one's place."""
    other = TestAuthority(own.certificate.parent).server(NAME)
    other.certificate.rename(own.certificate)
    if key:
        other.key.rename(own.key)


def settings_of(own: Issued) -> TlsSettings:
    return TlsSettings(certificate=own.certificate, key=own.key)


def test_a_renewed_certificate_is_shown_by_what_is_loaded_then(own: Issued) -> None:
    """What was loaded before goes on as it was."""
    before = encryption(settings_of(own))
    first = shown(before)
    put_another(own)
    assert shown(before) == first
    assert shown(renewed(settings_of(own))) != first


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
def test_what_is_wrong_on_disk_is_named(own: Issued, break_it: Callable[[Issued], None]) -> None:
    """Nobody is asked for a password."""
    break_it(own)
    with pytest.raises(WrongSetting, match=r"own\.pem can't be used"):
        renewed(settings_of(own))


def test_another_ca_in_the_folder_signs_then(tmp_path: Path) -> None:
    settings = TlsSettings(inspection_ca=tmp_path / "ca")
    encryption(TlsSettings(inspection_ca=tmp_path / "other"))
    before = encryption(settings)
    first = shown(before)
    for name in ("ca.pem", "ca.key"):
        shutil.copy(tmp_path / "other" / name, tmp_path / "ca" / name)
    assert shown(before) == first
    assert shown(renewed(settings)) != first


def test_a_ca_that_has_gone_is_not_made_anew(tmp_path: Path) -> None:
    """No client would trust it."""
    settings = TlsSettings(inspection_ca=tmp_path / "ca")
    encryption(settings)
    (tmp_path / "ca" / "ca.pem").unlink()
    with pytest.raises(WrongSetting, match=r"no ca\.pem any more"):
        renewed(settings)
    assert not (tmp_path / "ca" / "ca.pem").exists()


def test_roots_that_can_not_be_read_are_not_taken_for_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would be trusted."""
    settings = TlsSettings(inspection_ca=tmp_path / "ca")
    monkeypatch.setenv("SSL_CERT_FILE", str(TestAuthority(tmp_path, "One").root))
    encryption(settings)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    with pytest.raises(WrongSetting, match="the roots can't be used"):
        renewed(settings)


def test_where_nothing_is_loaded_there_is_nothing_wrong() -> None:
    assert renewed(TlsSettings(Starttls.PASS)).policy is Starttls.PASS
