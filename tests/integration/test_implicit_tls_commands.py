"""Implicit TLS as a person sets it up, and certificates exchanged under a running device (SIGHUP)."""

import asyncio
import os
import signal
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from device.smtp.intake import Endpoint
from lab.processes import ProcessFailed, Running, command_line, result_of, running
from lab.waiting import until
from tests.certificates import Issued, TestAuthority
from tests.encrypted_site import NAME, Mailbox, real_server

SECONDS = 60.0


class Client:
    """A session of its own, inside of TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.sees: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)

    @classmethod
    async def come(cls, address: str, roots: Path) -> "Client":
        here, context = Endpoint.parse(address), ssl.create_default_context(cafile=roots)
        client = cls(*await asyncio.open_connection(here.host, here.port, ssl=context, server_hostname=NAME))
        await client.hear("220 ")
        return client

    async def hear(self, expected: str) -> None:
        async with asyncio.timeout(SECONDS):
            while not (line := await self._reader.readline()).startswith(expected.encode()):
                assert line[3:4] == b"-", line

    async def say(self, line: str, expected: str) -> None:
        self._writer.write(line.encode() + b"\r\n")
        await self.hear(expected)

    async def mail(self) -> None:
        await self.say("EHLO client.example.org", "250 ")
        await self.say("MAIL FROM:<ann@example.org>", "250 ")
        await self.say("RCPT TO:<bob@example.net>", "250 ")
        await self.say("DATA", "354 ")
        await self.say("Subject: hello\r\n\r\nhello\r\n.", "250 ")

    async def leave(self) -> None:
        await self.say("QUIT", "221 ")
        self._writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await self._writer.wait_closed()


async def reload(device: Running, logged: str) -> None:
    """SIGHUP, and the log has the word of it."""

    async def said() -> bool:
        return logged in device.log.read_text()

    os.kill(device.pid, signal.SIGHUP)
    await until(said, SECONDS)


def renew(own: Issued, folder: Path) -> None:
    """Another certificate of the same name, in the old one's place."""
    (folder / "renewed").mkdir()
    other = TestAuthority(folder / "renewed").server(NAME)
    other.certificate.rename(own.certificate)
    other.key.rename(own.key)


@pytest.mark.parametrize("workers", [1, 2])
async def test_certificates_are_exchanged_without_ending_a_session(tmp_path: Path, workers: int) -> None:
    """Then one that can't be used is put there: the device goes on with what it had."""
    authority, behind, mailbox = TestAuthority(tmp_path), TestAuthority(tmp_path, "Behind"), Mailbox()
    own = authority.server(NAME)
    own = Issued(own.certificate.rename(tmp_path / "own.pem"), own.key.rename(tmp_path / "own.key"))
    environment = {"SRX_STATE": str(tmp_path / "state"), "SSL_CERT_FILE": str(behind.root)}
    async with real_server(mailbox, behind.server(NAME).context(), implicit=True) as port:
        addresses = ("--listen=127.0.0.1:0", "--server=127.0.0.1:1", "--tls-listen=127.0.0.1:0")
        shown = (f"--tls-certificate={own.certificate}", f"--tls-key={own.key}")
        flags = (*addresses, f"--tls-server=127.0.0.1:{port}", *shown, f"--workers={workers}")
        command = command_line("srx", "run", "--json", *flags)
        async with running(command, tmp_path / "device.log", environment) as device:
            status = await result_of(command_line("srx", "show", "status", "--json"), environment)
            assert status["tls_listen"] == device.ready["smtps"]
            first = await Client.come(device.ready["smtps"], authority.root)
            renew(own, tmp_path)
            await reload(device, "device.reloaded")
            second = await Client.come(device.ready["smtps"], tmp_path / "renewed" / "Test root.pem")
            assert second.sees != first.sees
            own.key.write_text("no key")
            await reload(device, "device.not-reloaded")
            third = await Client.come(device.ready["smtps"], tmp_path / "renewed" / "Test root.pem")
            assert third.sees == second.sees
            for client in (first, second, third):
                await client.mail()
                await client.leave()
    assert len(mailbox.messages) == 3


async def test_a_device_without_a_certificate_takes_nobody_who_begins_with_tls(tmp_path: Path) -> None:
    """The sentence says what to do instead."""
    command = command_line("srx", "run", "--server=127.0.0.1:25", "--tls-listen=127.0.0.1:0")
    with pytest.raises(ProcessFailed, match=r"(?s)can't be stripped of it.*--starttls pass"):
        await result_of(command, {"SRX_STATE": str(tmp_path)})
