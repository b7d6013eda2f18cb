"""Port 465 in the routed path: encrypted from its first byte, inspected or passed, and nobody sees the device."""

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from device import control
from device.smtp.encrypting import IMPLICIT_TLS_PORT
from lab.topology.build import inside
from tests.certificates import TestAuthority
from tests.encrypted_site import NAME, Mailbox, real_server
from tests.network.path import NETWORK, SERVER, InPath, in_path

pytestmark = pytest.mark.root
VERSIONS = (4, 6)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestAuthority:
    """It has signed for the server, and the device trusts it."""
    made = TestAuthority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.root))
    return made


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def path(tmp_path: Path, authority: TestAuthority, mailbox: Mailbox) -> AsyncIterator[InPath]:
    """With a mail server behind port 465."""
    async with in_path(tmp_path) as made, AsyncExitStack() as servers:
        with inside(NETWORK.namespace("server")):
            for host in SERVER.values():
                at, context = (host, IMPLICIT_TLS_PORT), authority.server(NAME).context()
                await servers.enter_async_context(real_server(mailbox, context, implicit=True, at=at))
        yield made


async def mail(path: InPath, version: int, roots: Path) -> tuple[str, int]:
    """One message through port 465, the server verified by these roots; the client's address and port."""
    async with path.talk(version, IMPLICIT_TLS_PORT) as talk:
        await talk.writer.start_tls(ssl.create_default_context(cafile=roots), server_hostname=NAME)
        await talk.mail()
        await talk.say("QUIT", "221 ")
        return talk.own


async def test_it_is_inspected(path: InPath, mailbox: Mailbox) -> None:
    """The client sees a certificate of the inspection CA; the server sees the client's address and port."""
    await path.start_device("--ports=25,465", f"--tls-inspection-ca={path.folder / 'ca'}")
    seen = [await mail(path, version, path.folder / "ca" / "ca.pem") for version in VERSIONS]
    assert mailbox.clients == seen
    assert mailbox.names == [NAME, NAME]
    await path.mail(4)
    assert path.sessions() == 3
    counted = await control.ask(path.folder / "state", "statistics")
    assert (counted["counters"]["email-processed"], counted["counters"]["session-uninspected"]) == (3, 0)


async def test_it_is_passed_where_policy_says_so(path: InPath, mailbox: Mailbox, authority: TestAuthority) -> None:
    """The client sees the server's own certificate; the device says and counts what it did not read."""
    await path.start_device("--ports=465", "--starttls=pass")
    seen = [await mail(path, version, authority.root) for version in VERSIONS]
    assert mailbox.clients == seen
    counted = await control.ask(path.folder / "state", "statistics")
    assert (counted["counters"]["email-processed"], counted["counters"]["session-uninspected"]) == (0, 2)
    assert '"session.uninspected"' in (path.folder / "device.log").read_text()
