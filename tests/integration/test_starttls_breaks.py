"""Peers that break the handshake, stall in it, or try to slip something past it; the device in between stays whole."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from device.smtp.limits import SessionLimits, Times
from device.tls.encryption import TlsSettings
from device.tls.verification import VerifyServer
from tests.certificates import TestAuthority
from tests.encrypted_site import NAME, Mailbox, device_before, encrypted_site, real_server
from tests.passing_reception import PassingReception

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Runs = Callable[[Coroutine[Any, Any, None]], None]
CLIENT_HELLO_START = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


async def until(reader: asyncio.StreamReader, start: bytes) -> bytes:
    """The first line that starts so; empty at the end of the connection."""
    async with asyncio.timeout(10):
        while (line := await reader.readline()) and not line.startswith(start):
            pass
    return line


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """Whatever else comes, up to the end; a reset is an end, too."""
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionResetError:
        return b""


async def at_starttls(host: str, port: int) -> Streams:
    """A client that has the 220 and may begin TLS."""
    reader, writer = await asyncio.open_connection(host, port)
    await until(reader, b"220 ")
    writer.write(b"EHLO client.example.org\r\n")
    await until(reader, b"250 ")
    writer.write(b"STARTTLS\r\n")
    await until(reader, b"220 ")
    return reader, writer


async def encrypt(writer: asyncio.StreamWriter, roots: Path) -> None:
    await writer.start_tls(ssl.create_default_context(cafile=roots), server_hostname=NAME)


@asynccontextmanager
async def lying_server(after_220: bytes) -> AsyncIterator[int]:
    """Offers STARTTLS, and answers a ClientHello with these bytes; with none it stalls."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        await reader.readline()
        writer.write(b"250-hi\r\n250 STARTTLS\r\n")
        await reader.readline()
        writer.write(b"220 go\r\n")
        await reader.read(1)
        writer.write(after_220)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.parametrize("sent", [b"MAIL FROM:<ann@example.org>\r\n", b"\x15\x03\x01\x00\x02\x02\x28", b"\0" * 200])
async def test_plain_text_after_the_220_ends_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    """Nothing of it is a command to anyone, and nothing plain is answered."""
    async with encrypted_site(tmp_path, monkeypatch) as site:
        reader, writer = await at_starttls(site.here.host, site.here.port)
        writer.write(sent)
        assert b"250" not in await rest_of(reader)
        writer.close()
    assert site.mailbox.messages == []
    assert site.reception.messages == []


@pytest.mark.parametrize("answer", [b"250 injected\r\n", b""])
async def test_a_server_that_breaks_or_stalls_tls_is_told_inside_of_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    limits = SessionLimits(times=Times(handshake=0.3))
    settings = TlsSettings(inspection_ca=tmp_path / "ca", verify_server=VerifyServer.OFF)
    async with (
        lying_server(answer) as port,
        device_before(port, settings, PassingReception(), [], limits) as here,
    ):
        reader, writer = await at_starttls(here.host, here.port)
        await encrypt(writer, tmp_path / "ca" / "ca.pem")
        assert (await rest_of(reader)).startswith(b"421 4.7.5")
        writer.close()


@pytest.mark.parametrize("sent", [b"", CLIENT_HELLO_START])
async def test_a_client_that_stalls_in_the_handshake_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    limits = SessionLimits(times=Times(handshake=0.3))
    settings = TlsSettings(inspection_ca=tmp_path / "ca", verify_server=VerifyServer.OFF)
    context = TestAuthority(tmp_path).server(NAME).context()
    async with (
        real_server(Mailbox(), context) as port,
        device_before(port, settings, PassingReception(), [], limits) as here,
    ):
        reader, writer = await at_starttls(here.host, here.port)
        writer.write(sent)
        assert await rest_of(reader) == b""
        writer.close()


async def test_a_client_that_leaves_in_the_handshake_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device stops without waiting for it."""
    async with encrypted_site(tmp_path, monkeypatch) as site:
        _, writer = await at_starttls(site.here.host, site.here.port)
        writer.write(CLIENT_HELLO_START)
        writer.transport.abort()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_commands_right_behind_the_handshake_wait_for_both_legs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Runs
) -> None:
    """What is sent inside of TLS is the client's word, however early; with either event loop."""

    async def play() -> None:
        async with encrypted_site(tmp_path, monkeypatch) as site:
            reader, writer = await at_starttls(site.here.host, site.here.port)
            await encrypt(writer, site.roots)
            writer.write(b"EHLO inside.example.org\r\n")
            assert await until(reader, b"250 ")
            writer.write(b"MAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n")
            assert await until(reader, b"354")
            writer.write(b"Subject: hello\r\n\r\nhello\r\n.\r\nQUIT\r\n")
            assert await until(reader, b"250 2.0.0 Ok: queued")
            assert await until(reader, b"221")
            assert await rest_of(reader) == b""
            writer.close()
        assert site.mailbox.encrypted == [True]

    run(play())
