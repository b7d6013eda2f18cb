"""STARTTLS through the listener: real servers (aiosmtpd), real clients (smtplib, openssl, swaks), by each policy."""

import asyncio
import smtplib
import ssl
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from device.actions.outcome import Outcome, Refuse, Replace
from device.smtp.encrypting import Starttls
from device.smtp.limits import SessionLimits
from device.smtp.reply import Reply
from device.tls.encryption import TlsSettings
from device.tls.verification import VerifyServer
from tests.certificates import TestAuthority
from tests.encrypted_site import NAME, EncryptedSite, Mailbox, device_before, encrypted_site, real_server
from tests.passing_reception import PassingReception
from tests.programs import output_of

MESSAGE = b"Subject: hello\r\n\r\nHow are you?\r\n"


def send(site: EncryptedSite, message: bytes = MESSAGE, *, options: tuple[str, ...] = ()) -> dict[str, str]:
    """smtplib, which verifies the certificate for NAME; what EHLO offered inside of TLS."""
    with smtplib.SMTP(site.here.host, site.here.port, timeout=10) as client:
        client.ehlo("outside.example.org")
        client._host = NAME  # type: ignore[attr-defined]  # smtplib verifies the name it connected to
        client.starttls(context=ssl.create_default_context(cafile=site.roots))
        client.ehlo("inside.example.org")
        offered = dict(client.esmtp_features)
        client.sendmail("ann@example.org", ["bob@example.net"], message, mail_options=options)
    return offered


async def test_a_message_inside_of_tls_is_inspected_and_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with encrypted_site(tmp_path, monkeypatch) as site:
        offered = await asyncio.to_thread(send, site)
    assert [message.content for message in site.reception.messages] == [MESSAGE]
    assert site.mailbox.messages == [MESSAGE]
    assert site.mailbox.encrypted == [True]
    assert site.mailbox.greetings == ["inside.example.org"]
    assert "starttls" not in offered
    assert site.unread == []


async def test_a_malicious_message_inside_of_tls_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def decide(chunks: list[bytes]) -> Outcome:
        assert b"malicious" in b"".join(chunks)
        return Replace(b"", b"Subject: replaced\r\n\r\n")

    kept = PassingReception(decide)
    async with encrypted_site(tmp_path, monkeypatch, reception=kept) as site:
        await asyncio.to_thread(send, site, b"Subject: x\r\n\r\nmalicious\r\n")
    assert site.mailbox.messages == [b"Subject: replaced\r\n\r\n"]


async def test_a_refusal_is_told_inside_of_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = PassingReception(lambda _: Refuse(Reply.of(554, "5.7.1 no")))
    async with encrypted_site(tmp_path, monkeypatch, reception=kept) as site:
        with pytest.raises(smtplib.SMTPDataError, match=r"5\.7\.1 no"):
            await asyncio.to_thread(send, site)
    assert site.mailbox.messages == []


async def test_a_message_of_three_megabytes_comes_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of 16 KB, flow control of both sides, and writes larger than a socket's buffer."""
    message = MESSAGE + b"0123456789abcde\r\n" * 200_000
    async with encrypted_site(tmp_path, monkeypatch) as site:
        await asyncio.to_thread(send, site, message)
    assert site.mailbox.messages == [message]


async def test_the_clients_name_for_the_server_reaches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SNI; without one of the client's the configured name."""
    async with encrypted_site(tmp_path, monkeypatch, server_name="other.example.net") as site:
        await asyncio.to_thread(send, site)
    assert site.mailbox.names == [NAME]


@pytest.mark.parametrize(
    ("verify", "certified", "trusted", "delivered"),
    [
        (VerifyServer.REQUIRE, NAME, True, True),
        (VerifyServer.REQUIRE, "other.example.net", True, False),
        (VerifyServer.REQUIRE, NAME, False, False),
        (VerifyServer.ALLOW, "other.example.net", True, True),
        (VerifyServer.ALLOW, NAME, False, True),
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
    """Where it is required, the client hears 421 inside of TLS: never a reason to go on in plain text."""
    async with encrypted_site(tmp_path, monkeypatch, verify=verify, certified=certified, trusted=trusted) as site:
        if delivered:
            await asyncio.to_thread(send, site)
        else:
            with pytest.raises(smtplib.SMTPException):
                await asyncio.to_thread(send, site)
    assert len(site.mailbox.messages) == delivered


@pytest.mark.parametrize(
    ("verify", "trusted", "offered"),
    [
        (VerifyServer.REQUIRE, True, True),
        (VerifyServer.ALLOW, True, True),
        (VerifyServer.ALLOW, False, False),
        (VerifyServer.OFF, True, False),
    ],
)
async def test_requiretls_is_relayed_where_the_server_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verify: VerifyServer, trusted: bool, offered: bool
) -> None:
    """RFC 8689; only ever inside of TLS."""

    async def offering(
        _self: Mailbox, _server: SMTP, session: Session, _envelope: Envelope, name: str, replies: list[str]
    ) -> list[str]:
        session.host_name = name
        return [*replies[:-1], "250-REQUIRETLS", replies[-1]]

    monkeypatch.setattr(Mailbox, "handle_EHLO", offering, raising=False)
    async with encrypted_site(tmp_path, monkeypatch, verify=verify, trusted=trusted) as site:
        assert ("requiretls" in await asyncio.to_thread(send, site)) is offered


async def test_the_servers_own_certificate_protects_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients see what they would see without the device."""
    authority = TestAuthority(tmp_path)
    own, kept, mailbox = authority.server(NAME), PassingReception(), Mailbox()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.root))
    settings = TlsSettings(certificate=own.certificate, key=own.key)
    async with (
        real_server(mailbox, own.context()) as port,
        device_before(port, settings, kept, [], SessionLimits()) as here,
    ):
        await asyncio.to_thread(send, EncryptedSite(here, mailbox, kept, authority.root, []))
    assert mailbox.messages == [kept.messages[0].content] == [MESSAGE]


async def test_a_client_that_distrusts_the_device_gets_nothing_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with encrypted_site(tmp_path, monkeypatch) as site:
        site.roots = TestAuthority(tmp_path, "Someone else").root
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.to_thread(send, site)
    assert site.mailbox.messages == []


async def test_passed_sessions_are_encrypted_to_the_server_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client sees the server's own certificate; inspection sees nothing."""
    async with encrypted_site(tmp_path, monkeypatch, policy=Starttls.PASS) as site:
        await asyncio.to_thread(send, site, MESSAGE + b"0123456789abcde\r\n" * 200_000)
    assert len(site.mailbox.messages) == 1
    assert site.reception.messages == []
    assert site.unread == [True]


async def test_stripped_is_not_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with encrypted_site(tmp_path, monkeypatch, policy=Starttls.STRIP) as site:
        with pytest.raises(smtplib.SMTPNotSupportedError):
            await asyncio.to_thread(send, site)


async def test_openssl_speaks_tls_1_2_and_1_3_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with encrypted_site(tmp_path, monkeypatch) as site:
        for version in ("-tls1_2", "-tls1_3"):
            arguments = ["s_client", "-starttls", "smtp", "-connect", str(site.here), "-servername", NAME, version]
            trust = ["-CAfile", str(site.roots), "-verify_return_error", "-verify_hostname", NAME, "-brief"]
            output = await output_of(["openssl", *arguments, *trust], b"QUIT\r\n")
            assert "Verification: OK" in output


@pytest.mark.programs
async def test_swaks_sends_by_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with encrypted_site(tmp_path, monkeypatch) as site:
        addresses = ["--from", "ann@example.org", "--to", "bob@example.net"]
        where = ["--server", site.here.host, "--port", str(site.here.port), "--tls"]
        output = await output_of(["swaks", *where, *addresses], b"")
        assert "queued" in output
    assert site.mailbox.encrypted == [True]
    assert len(site.reception.messages) == 1
