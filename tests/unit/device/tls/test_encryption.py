"""What settings make of STARTTLS, and what is told of it."""

from pathlib import Path

import pytest

from device.errors import WrongSetting
from device.settings import Settings
from device.smtp.encrypting import Starttls
from device.tls.encryption import Encryption, TlsSettings, encryption
from tests.certificates import TestAuthority


def read(**flags: str) -> Encryption:
    """As `srx run` takes them."""
    return encryption(Settings.read(flags, {"HOME": "/nowhere"}).tls)


def test_without_a_certificate_it_is_stripped_and_the_person_in_charge_is_told() -> None:
    made = read()
    assert made.policy is Starttls.STRIP
    assert made.warning is not None
    assert "not offered" in made.told


def test_a_certificate_means_inspection(tmp_path: Path) -> None:
    own = TestAuthority(tmp_path).server("mail.example.net")
    made = read(tls_certificate=str(own.certificate), tls_key=str(own.key), tls_verify_server="allow")
    assert made.policy is Starttls.INSPECT
    assert made.told == "inspect (clients see the server's own certificate; server certificate: allow)"
    assert made.warning is None


def test_a_ca_means_inspection_too(tmp_path: Path) -> None:
    made = read(tls_inspection_ca=str(tmp_path / "ca"))
    assert made.told == "inspect (clients see one of the inspection CA; server certificate: require)"
    assert (tmp_path / "ca" / "ca.pem").exists()


def test_passing_needs_no_certificate_and_warns() -> None:
    made = read(starttls="pass")
    assert made.policy is Starttls.PASS
    assert "not inspected" in (made.warning or "")


@pytest.mark.parametrize(
    "flags",
    [
        {"starttls": "inspect"},
        {"tls_certificate": "certificate.pem"},
        {"tls_key": "key.pem"},
        {"tls_certificate": "certificate.pem", "tls_key": "key.pem"},
        {"tls_certificate": "certificate.pem", "tls_key": "key.pem", "tls_inspection_ca": "folder"},
        {"tls_inspection_ca": "ca", "tls_server_name": "mäil.example.net"},
        {"tls_verify_server": "maybe"},
        {"starttls": "perhaps"},
    ],
)
def test_contradictions_and_files_that_are_not_there_are_named(
    flags: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WrongSetting) as wrong:
        read(**flags)
    assert wrong.value.next_step


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path)
    one, other = authority.server("a.example.net"), authority.server("b.example.net")
    with pytest.raises(WrongSetting, match=r"can't be used"):
        read(tls_certificate=str(one.certificate), tls_key=str(other.key))


@pytest.mark.parametrize(
    ("by_client", "configured", "meant"),
    [
        ("Mail.Example.NET.", "other.example.net", "mail.example.net"),
        (None, "other.example.net", "other.example.net"),
        (None, None, "192.0.2.25"),
    ],
)
def test_a_session_is_about_whom_the_client_means(by_client: str | None, configured: str | None, meant: str) -> None:
    """SNI before the configured name before the address."""
    made = Encryption(server_name=configured)
    assert made.name_meant(by_client, "192.0.2.25") == meant


def test_settings_default_to_a_verified_server() -> None:
    assert Settings.read({}, {"HOME": "/nowhere"}).tls == TlsSettings()
    assert TlsSettings().verify_server.value == "require"


@pytest.mark.parametrize("flags", [{}, {"starttls": "strip"}, {"starttls": "strip", "tls_inspection_ca": "ca"}])
def test_what_begins_with_tls_can_not_be_stripped(flags: dict[str, str]) -> None:
    """Neither by the default of a device without a certificate nor by wish: that is said, and nothing passes unread."""
    with pytest.raises(WrongSetting, match="can't be stripped") as wrong:
        read(**flags, tls_listen="127.0.0.1:465")
    assert "--starttls pass" in (wrong.value.next_step or "")


def test_what_begins_with_tls_may_pass() -> None:
    assert read(starttls="pass", tls_listen="127.0.0.1:465").policy is Starttls.PASS
