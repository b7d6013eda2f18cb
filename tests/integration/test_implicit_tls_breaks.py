"""Peers that stall in implicit TLS, break it, cut it off or speak plain text where it should be."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from device.smtp.encrypting import Starttls
from device.smtp.intake import Endpoint
from device.smtp.introduction import ClientAddress
from device.smtp.limits import SessionLimits, Times
from device.tls.encryption import TlsSettings
from device.tls.verification import VerifyServer
from tests.encrypted_site import NAME, EncryptedSite, device_before, encrypted_site
from tests.passing_reception import PassingReception

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Runs = Callable[[Coroutine[Any, Any, None]], None]
SECONDS = 30.0
CLIENT_HELLO_START = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
NOT_ANSWERED = b"421 4.7.5"
ENVELOPE = b"MAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n"


async def inside(here: Endpoint, roots: Path) -> Streams:
    """A client that has shaken hands."""
    async with asyncio.timeout(SECONDS):
        context = ssl.create_default_context(cafile=roots)
        return await asyncio.open_connection(here.host, here.port, ssl=context, server_hostname=NAME)


async def until(reader: asyncio.StreamReader, start: bytes) -> bytes:
    """The first line that starts so; empty at the end of the connection."""
    async with asyncio.timeout(SECONDS):
        while (line := await reader.readline()) and not line.startswith(start):
            pass
    return line


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """Whatever else comes, up to the end; a reset is an end, too."""
    try:
        async with asyncio.timeout(SECONDS):
            return await reader.read()
    except ConnectionResetError:
        return b""


async def in_data(site: EncryptedSite) -> Streams:
    """A client in the middle of a message."""
    reader, writer = await inside(site.here, site.roots)
    writer.write(b"EHLO client.example.org\r\n")
    assert await until(reader, b"250 ")
    writer.write(ENVELOPE)
    assert await until(reader, b"354")
    writer.write(b"Subject: cut\r\n\r\nhal")
    return reader, writer


@asynccontextmanager
async def server_that(answers: bytes, *, hears: list[bytes] | None = None) -> AsyncIterator[int]:
    """Sends these bytes at once, then reads to the end."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answers)
        if hears is not None:
            hears.append(await reader.readline())
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def inspecting(folder: Path) -> TlsSettings:
    return TlsSettings(inspection_ca=folder / "ca", verify_server=VerifyServer.OFF)


@pytest.mark.parametrize("sent", [b"", CLIENT_HELLO_START])
async def test_a_client_without_a_client_hello_is_let_go(tmp_path: Path, sent: bytes) -> None:
    """One that waits for a greeting, say: it hears nothing in plain text."""
    limits = SessionLimits(times=Times(handshake=0.3))
    async with (
        server_that(b"") as port,
        device_before(port, inspecting(tmp_path), PassingReception(), [], limits, implicit=True) as here,
    ):
        reader, writer = await asyncio.open_connection(here.host, here.port)
        writer.write(sent)
        assert await rest_of(reader) == b""
        writer.close()


@pytest.mark.parametrize("sent", [b"EHLO client.example.org\r\n", b"\0" * 200, b"\x16\x03\x01" + b"\xff" * 70_000])
async def test_plain_text_is_answered_by_an_alert_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    """And neither server nor inspection hears of it."""
    async with encrypted_site(tmp_path, monkeypatch, implicit=True) as site:
        reader, writer = await asyncio.open_connection(site.here.host, site.here.port)
        writer.write(sent)
        assert (await rest_of(reader))[:1] in (b"", b"\x15")
        writer.close()
    assert site.mailbox.messages == []
    assert site.reception.messages == []


@pytest.mark.parametrize("answer", [b"220 mail.example.net plain\r\n", b"", None])
async def test_a_server_without_tls_is_told_inside_of_the_clients(tmp_path: Path, answer: bytes | None) -> None:
    """It greets in plain text, stalls, or is not there at all."""
    limits = SessionLimits(times=Times(handshake=0.3))
    async with server_that(answer or b"") as port:
        used = 1 if answer is None else port
        async with device_before(used, inspecting(tmp_path), PassingReception(), [], limits, implicit=True) as here:
            reader, writer = await inside(here, tmp_path / "ca" / "ca.pem")
            assert (await rest_of(reader)).startswith(NOT_ANSWERED)
            writer.close()


async def test_a_server_that_answers_no_syn_is_told_inside_of_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_entrance: object, _protocol: object, _peers: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("device.interception.explicit.Entrance.dial", never)
    limits = SessionLimits(times=Times(connect=0.3))
    async with device_before(1, inspecting(tmp_path), PassingReception(), [], limits, implicit=True) as here:
        reader, writer = await inside(here, tmp_path / "ca" / "ca.pem")
        assert (await rest_of(reader)).startswith(NOT_ANSWERED)
        writer.close()


@pytest.mark.parametrize("policy", [Starttls.INSPECT, Starttls.PASS])
@pytest.mark.parametrize("limits", [SessionLimits(sessions=1), SessionLimits(sessions_of_client=1)])
async def test_where_there_is_no_room_nothing_is_said_in_plain_text(
    tmp_path: Path, policy: Starttls, limits: SessionLimits
) -> None:
    settings = TlsSettings(policy, inspection_ca=tmp_path / "ca", verify_server=VerifyServer.OFF)
    async with (
        server_that(b"") as port,
        device_before(port, settings, PassingReception(), [], limits, implicit=True) as here,
    ):
        _, first = await asyncio.open_connection(here.host, here.port)
        reader, second = await asyncio.open_connection(here.host, here.port)
        assert await rest_of(reader) == b""
        first.close()
        second.close()


async def test_a_message_that_tls_is_cut_off_in_is_not_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection ends without close_notify: whoever cut it doesn't decide where a message ends."""
    async with encrypted_site(tmp_path, monkeypatch, implicit=True) as site:
        reader, writer = await in_data(site)
        raw = writer.get_extra_info("socket")
        raw.shutdown(1)
        assert b"250" not in await rest_of(reader)
        writer.close()
    assert site.mailbox.messages == []


async def test_close_notify_in_a_message_ends_it_undelivered_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with encrypted_site(tmp_path, monkeypatch, implicit=True) as site:
        _, writer = await in_data(site)
        writer.close()
    assert site.mailbox.messages == []


async def test_a_client_hears_close_notify_behind_the_last_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's ssl raises SSLEOFError where it is missing."""

    def talk(here: Endpoint, roots: Path) -> bytes:
        import socket

        context = ssl.create_default_context(cafile=roots)
        with (
            socket.create_connection((here.host, here.port), timeout=SECONDS) as raw,
            context.wrap_socket(raw, server_hostname=NAME, suppress_ragged_eofs=False) as tls,
        ):
            tls.sendall(b"QUIT\r\n")
            heard = b""
            while piece := tls.recv(4096):
                heard += piece
            return heard

    async with encrypted_site(tmp_path, monkeypatch, implicit=True) as site:
        assert b"221 " in await asyncio.to_thread(talk, site.here, site.roots)


async def test_the_server_learns_the_client_in_front_of_a_handshake_that_passes(tmp_path: Path) -> None:
    heard: list[bytes] = []
    settings, introduce = TlsSettings(Starttls.PASS, implicit=True), ClientAddress.PROXY
    async with (
        server_that(b"", hears=heard) as port,
        device_before(
            port, settings, PassingReception(), [], SessionLimits(), implicit=True, introduce=introduce
        ) as here,
    ):
        reader, writer = await asyncio.open_connection(here.host, here.port)
        own = writer.get_extra_info("sockname")[1]
        writer.write(CLIENT_HELLO_START)
        writer.write_eof()
        await rest_of(reader)
        writer.close()
    assert heard == [b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n" % (own, port)]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_commands_right_behind_the_handshake_wait_for_the_greeting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Runs
) -> None:
    """With either event loop."""

    async def play() -> None:
        async with encrypted_site(tmp_path, monkeypatch, implicit=True) as site:
            reader, writer = await inside(site.here, site.roots)
            writer.write(b"EHLO client.example.org\r\n" + ENVELOPE)
            assert await until(reader, b"354")
            writer.write(b"Subject: hello\r\n\r\nhello\r\n.\r\nQUIT\r\n")
            assert await until(reader, b"250 2.0.0 Ok: queued")
            assert await until(reader, b"221")
            assert await rest_of(reader) == b""
            writer.close()
        assert site.mailbox.messages == [b"Subject: hello\r\n\r\nhello\r\n"]

    run(play())
