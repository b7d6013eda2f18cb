"""Implicit TLS through the listener: real servers (aiosmtpd), real clients (smtplib, openssl, swaks), by each policy."""

import asyncio
import smtplib
import ssl
from pathlib import Path

import pytest

from device.actions.outcome import Replace
from device.smtp.encrypting import Starttls
from device.smtp.limits import SessionLimits
from device.tls.encryption import TlsSettings
from device.tls.verification import VerifyServer
from tests.certificates import TestAuthority
from tests.encrypted_site import NAME, EncryptedSite, Mailbox, device_before, encrypted_site, real_server
from tests.passing_reception import PassingReception
from tests.programs import output_of

MESSAGE = b"Subject: hello\r\n\r\nHow are you?\r\n"


class Client(smtplib.SMTP_SSL):
    """Connects to an address, and means NAME there: that is its SNI, and what the certificate has to say."""

    def _get_socket(self, host: str, port: int, timeout: float) -> ssl.SSLSocket:
        self._host = NAME
        return super()._get_socket(host, port, timeout)  # type: ignore[misc,no-any-return]  # not in its types


def send(site: EncryptedSite, message: bytes = MESSAGE) -> dict[str, str]:
    """What EHLO offered."""
    context = ssl.create_default_context(cafile=site.roots)
    with Client(site.here.host, site.here.port, context=context, timeout=20) as client:
        client.ehlo("client.example.org")
        client.sendmail("ann@example.org", ["bob@example.net"], message)
        return dict(client.esmtp_features)


async def test_a_message_is_inspected_and_delivered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's greeting comes inside of TLS, STARTTLS is not offered, the client's SNI has reached the server."""
    async with encrypted_site(tmp_path, monkeypatch, implicit=True, server_name="other.example.net") as site:
        offered = await asyncio.to_thread(send, site)
    assert [message.content for message in site.reception.messages] == [MESSAGE]
    assert site.mailbox.messages == [MESSAGE]
    assert site.mailbox.names == [NAME]
    assert "starttls" not in offered
    assert site.unread == []


async def test_a_malicious_message_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = PassingReception(lambda _: Replace(b"", b"Subject: replaced\r\n\r\n"))
    async with encrypted_site(tmp_path, monkeypatch, implicit=True, reception=kept) as site:
        await asyncio.to_thread(send, site)
    assert site.mailbox.messages == [b"Subject: replaced\r\n\r\n"]


@pytest.mark.parametrize(
    ("verify", "certified", "trusted", "delivered"),
    [
        (VerifyServer.REQUIRE, "other.example.net", True, False),
        (VerifyServer.REQUIRE, NAME, False, False),
        (VerifyServer.ALLOW, "other.example.net", True, True),
        (VerifyServer.OFF, NAME, False, True),
    ],
)
async def test_a_bad_server_certificate_is_a_matter_of_policy(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verify: VerifyServer,
    certified: str,
    trusted: bool,
    delivered: bool,
) -> None:
    """Where it is required, the client hears so inside of TLS: a mailer tries again later."""
    async with encrypted_site(
        tmp_path, monkeypatch, implicit=True, verify=verify, certified=certified, trusted=trusted
    ) as site:
        if delivered:
            await asyncio.to_thread(send, site)
        else:
            with pytest.raises(smtplib.SMTPConnectError, match=r"4\.7\.5 Mail server can't be reached by trusted TLS"):
                await asyncio.to_thread(send, site)
    assert len(site.mailbox.messages) == delivered


async def test_the_servers_own_certificate_protects_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients see what they would see without the device."""
    authority = TestAuthority(tmp_path)
    own, kept, mailbox = authority.server(NAME), PassingReception(), Mailbox()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.root))
    settings = TlsSettings(certificate=own.certificate, key=own.key, implicit=True)
    async with (
        real_server(mailbox, own.context(), implicit=True) as port,
        device_before(port, settings, kept, [], SessionLimits(), implicit=True) as here,
    ):
        await asyncio.to_thread(send, EncryptedSite(here, mailbox, kept, authority.root, []))
    assert mailbox.messages == [kept.messages[0].content] == [MESSAGE]


async def test_passed_sessions_are_not_read_but_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client sees the server's own certificate; three megabytes go through unread, with both sides' flow control."""
    message = MESSAGE + b"0123456789abcde\r\n" * 200_000
    async with encrypted_site(tmp_path, monkeypatch, implicit=True, policy=Starttls.PASS) as site:
        await asyncio.to_thread(send, site, message)
    assert site.mailbox.messages == [message]
    assert site.reception.messages == []
    assert site.unread == [True]


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_openssl_speaks_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    async with encrypted_site(tmp_path, monkeypatch, implicit=True) as site:
        arguments = ["s_client", "-connect", str(site.here), "-servername", NAME, version, "-crlf", "-quiet"]
        trust = ["-CAfile", str(site.roots), "-verify_return_error", "-verify_hostname", NAME]
        output = await output_of(["openssl", *arguments, *trust], b"EHLO client.example.org\nQUIT\n")
    assert f"220 {NAME}" in output
    assert "221 " in output


async def test_a_client_of_tls_1_1_is_told_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By alert, before the server hears of it."""
    async with encrypted_site(tmp_path, monkeypatch, implicit=True) as site:
        arguments = ["s_client", "-connect", str(site.here), "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]
        output = await output_of(["openssl", *arguments], b"")
    assert "alert protocol version" in output
    assert site.mailbox.names == []


@pytest.mark.programs
async def test_swaks_sends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with encrypted_site(tmp_path, monkeypatch, implicit=True) as site:
        addresses = ["--from", "ann@example.org", "--to", "bob@example.net"]
        where = ["--server", site.here.host, "--port", str(site.here.port), "--tls-on-connect"]
        assert "queued" in await output_of(["swaks", *where, *addresses], b"")
    assert len(site.mailbox.messages) == len(site.reception.messages) == 1
