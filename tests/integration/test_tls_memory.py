"""What a session in TLS costs the device: two idle legs, counted by the kernel."""

import asyncio
import ssl
from pathlib import Path

import psutil
import pytest

from device.smtp.intake import Endpoint
from lab.processes import command_line, running
from tests.certificates import TestAuthority
from tests.encrypted_site import NAME, Mailbox, real_server

WARM_UP, SESSIONS = 20, 100
MOST = 200 * 1024
"""Bytes a session. Some 55 KB are usual; asyncio's own TLS would take 283 KB a leg."""


async def idle(here: Endpoint, context: ssl.SSLContext, count: int) -> list[asyncio.StreamWriter]:
    """So many sessions, each past its greeting."""
    writers = []
    for _ in range(count):
        reader, writer = await asyncio.open_connection(here.host, here.port, ssl=context, server_hostname=NAME)
        assert (await asyncio.wait_for(reader.readline(), 60)).startswith(b"220 ")
        writers.append(writer)
    return writers


async def test_two_idle_legs_in_tls_cost_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Server and clients are in another process than the device."""
    behind = TestAuthority(tmp_path)
    environment = {"SRX_STATE": str(tmp_path / "state"), "SSL_CERT_FILE": str(behind.root)}
    async with real_server(Mailbox(), behind.server(NAME).context(), implicit=True) as port:
        addresses = ("--listen=127.0.0.1:0", "--server=127.0.0.1:1", "--tls-listen=127.0.0.1:0")
        command = command_line("srx", "run", "--json", *addresses, f"--tls-server=127.0.0.1:{port}")
        command.append(f"--tls-inspection-ca={tmp_path / 'ca'}")
        async with running(command, tmp_path / "device.log", environment) as device:
            context = ssl.create_default_context(cafile=tmp_path / "ca" / "ca.pem")
            here, process = Endpoint.parse(device.ready["smtps"]), psutil.Process(device.pid)
            writers = await idle(here, context, WARM_UP)
            before = process.memory_info().rss
            writers += await idle(here, context, SESSIONS)
            each = (process.memory_info().rss - before) / SESSIONS
            for writer in writers:
                writer.transport.abort()
    assert 0 < each <= MOST
