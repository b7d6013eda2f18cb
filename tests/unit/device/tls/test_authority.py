"""The inspection CA: made once, kept, and what it signs holds."""

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from device.smtp import limits
from device.tls.authority import CERTIFICATE_LIFE, InspectionAuthority
from device.tls.layer import Layer


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> Layer:
    """Both ends in memory; the client's, when both are done."""
    ours, theirs = Layer(server, server_side=True), Layer(client, server_side=False, server_name=name)
    theirs.receive(b"")
    while not (ours.done and theirs.done):
        ours.receive(theirs.take())
        theirs.receive(ours.take())
    return theirs


def trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=folder / "ca.pem")


@pytest.mark.parametrize("name", ["mail.example.net", "192.0.2.25", "2001:db8::25"])
def test_a_client_that_trusts_the_ca_trusts_what_it_is_shown(tmp_path: Path, name: str) -> None:
    """By name and by address; and for no other name."""
    authority = InspectionAuthority(tmp_path, Clock())
    handshake(authority.context_for(name), trusting(tmp_path), name)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(authority.context_for(name), trusting(tmp_path), "other.example.net")


def test_the_ca_is_made_once_and_its_key_is_nobody_elses(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    InspectionAuthority(folder, Clock())
    made = (folder / "ca.pem").read_bytes()
    again = InspectionAuthority(folder, Clock())
    handshake(again.context_for("mail.example.net"), trusting(folder), "mail.example.net")
    assert (folder / "ca.pem").read_bytes() == made
    assert stat.S_IMODE((folder / "ca.key").stat().st_mode) == 0o600
    assert sorted(path.name for path in folder.iterdir()) == ["ca.key", "ca.pem"]


def test_certificates_are_remembered_until_they_run_out(tmp_path: Path) -> None:
    clock = Clock()
    authority = InspectionAuthority(tmp_path, clock)
    first = authority.context_for("mail.example.net")
    assert authority.context_for("mail.example.net") is first
    clock.now += CERTIFICATE_LIFE - timedelta(hours=1)
    assert authority.context_for("mail.example.net") is not first


def test_only_so_many_names_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CERTIFICATES", 2)
    authority = InspectionAuthority(tmp_path, Clock())
    first = authority.context_for("a.example.net")
    for name in ("b.example.net", "c.example.net"):
        authority.context_for(name)
    assert authority.context_for("a.example.net") is not first


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    InspectionAuthority(tmp_path / "a", Clock())
    InspectionAuthority(tmp_path / "b", Clock())
    (tmp_path / "a" / "ca.key").write_bytes((tmp_path / "b" / "ca.key").read_bytes())
    with pytest.raises(ValueError, match=r"ca\.key"):
        InspectionAuthority(tmp_path / "a", Clock())


def test_tls_below_1_2_is_refused(tmp_path: Path) -> None:
    authority = InspectionAuthority(tmp_path, Clock())
    assert authority.context_for("mail.example.net").minimum_version is ssl.TLSVersion.TLSv1_2
