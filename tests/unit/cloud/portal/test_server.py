"""The portal over real sockets: what a raw client can send, and what the server tells about itself."""

import asyncio
import logging
from pathlib import Path

import httpx
import pytest

from tests.unit.cloud.portal.rig import form_token
from tests.unit.cloud.portal.serving import served


async def test_the_whole_way_over_http(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Link, page, release, state; and no line of the server's log holds the token."""
    caplog.set_level(logging.DEBUG)
    async with served(tmp_path) as rig, httpx.AsyncClient(base_url=rig.base_url.origin) as http:
        held = await rig.hold()
        link = await rig.link_to(held)
        assert (await http.get(link)).status_code == 200
        page = await http.get(f"/message/{held.id}")
        answer = await http.post(
            f"/message/{held.id}/release",
            data={"form_token": form_token(page)},
            headers={"origin": rig.base_url.origin},
        )
        assert answer.status_code == 303
        assert "on its way" in (await http.get(answer.headers["location"])).text
        assert "server" not in answer.headers
    token = link.rsplit("/", 1)[1]
    assert not any(token in record.getMessage() for record in caplog.records if not record.name.startswith("http"))


RAW = {
    "no host": (b"GET / HTTP/1.1\r\n\r\n", b"400"),
    "no host, old": (b"GET / HTTP/1.0\r\n\r\n", b"421"),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: HERE\r\nHost: evil.example\r\n\r\n", b"400"),
    "absolute address": (b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"421"),
    "huge header": (b"GET / HTTP/1.1\r\nHost: HERE\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n", b"400"),
    "odd path": (b"GET /m/%ff%00%0d%0aSet-Cookie:x HTTP/1.1\r\nHost: HERE\r\nConnection: close\r\n\r\n", b"404"),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),
    "websocket": (
        (
            b"GET /console HTTP/1.1\r\nHost: HERE\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        ),
        b"401",
    ),
}


@pytest.mark.parametrize(("request_bytes", "status"), RAW.values(), ids=RAW)
async def test_raw_requests(tmp_path: Path, request_bytes: bytes, status: bytes) -> None:
    """Each gets an answer, none a traceback or a header of its own making."""
    async with served(tmp_path) as rig:
        host, port = rig.base_url.authority.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request_bytes.replace(b"HERE", rig.base_url.authority.encode()))
        answer = b""
        async with asyncio.timeout(10):
            while b"\r\n\r\n" not in answer and (piece := await reader.read(4096)):
                answer += piece
        writer.close()
    assert answer.split(b" ")[1] == status
    assert b"\r\nset-cookie" not in answer.lower()
    assert b"Traceback" not in answer
