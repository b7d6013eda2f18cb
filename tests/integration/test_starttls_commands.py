"""STARTTLS as a person sets it up: `srx run` with its flags, `srx show` beside it."""

import asyncio
import smtplib
import ssl
from pathlib import Path

import pytest

from lab.processes import ProcessFailed, command_line, result_of, running
from tests.certificates import TestAuthority
from tests.encrypted_site import NAME, Mailbox, real_server

MESSAGE = b"Subject: hello\r\n\r\nHow are you?\r\n"


def send(address: str, roots: Path) -> None:
    host, _, port = address.rpartition(":")
    with smtplib.SMTP(host, int(port), timeout=10) as client:
        client._host = NAME  # type: ignore[attr-defined]  # smtplib verifies the name it connected to
        client.starttls(context=ssl.create_default_context(cafile=roots))
        client.sendmail("ann@example.org", ["bob@example.net"], MESSAGE)


@pytest.mark.parametrize(
    ("flags", "inspected", "told"),
    [
        (["--tls-inspection-ca=ca"], 1, "inspect (clients see one of the inspection CA; server certificate: require)"),
        (["--starttls=pass"], 0, "pass (encrypted sessions are not inspected)"),
    ],
)
async def test_a_device_says_and_counts_what_it_does_about_starttls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], inspected: int, told: str
) -> None:
    authority, mailbox = TestAuthority(tmp_path), Mailbox()
    environment = {"SRX_STATE": str(tmp_path / "state"), "SSL_CERT_FILE": str(authority.root)}
    monkeypatch.chdir(tmp_path)
    async with real_server(mailbox, authority.server(NAME).context()) as port:
        device = command_line("srx", "run", "--json", "--listen=127.0.0.1:0", f"--server=127.0.0.1:{port}", *flags)
        async with running(device, tmp_path / "device.log", environment) as process:
            roots = tmp_path / "ca" / "ca.pem" if inspected else authority.root
            await asyncio.to_thread(send, process.ready["smtp"], roots)
            status = await result_of(command_line("srx", "show", "status", "--json"), environment)
            statistics = await result_of(command_line("srx", "show", "statistics", "--json"), environment)
    assert mailbox.messages == [MESSAGE]
    assert status["starttls"] == told
    assert statistics["counters"]["email-processed"] == inspected
    assert statistics["counters"]["session-uninspected"] == 1 - inspected
    assert ("TLS passes" in (tmp_path / "device.log").read_text()) is not bool(inspected)


async def test_a_device_without_a_certificate_does_not_pretend_to_inspect(tmp_path: Path) -> None:
    command = command_line("srx", "run", "--server=127.0.0.1:25", "--starttls=inspect")
    with pytest.raises(ProcessFailed, match="without a certificate to show"):
        await result_of(command, {"SRX_STATE": str(tmp_path)})
