"""Port 465 in the path: encrypted from its first byte, inspected or passed."""

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
from tests.network.path import BRIDGED, REDIRECTED, ROUTED, InPath, Site, in_path

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
def site() -> Site:
    """Where a test does not say otherwise."""
    return ROUTED


@pytest.fixture
async def path(tmp_path: Path, authority: TestAuthority, mailbox: Mailbox, site: Site) -> AsyncIterator[InPath]:
    """With a mail server behind port 465."""
    async with in_path(tmp_path, site) as made, AsyncExitStack() as servers:
        with inside(site.network.namespace("server")):
            for host in site.server.values():
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


@pytest.mark.parametrize("site", [ROUTED, BRIDGED], ids=["transparent", "bridge"])
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


@pytest.mark.parametrize("site", [REDIRECTED], ids=["redirect"])
async def test_redirected_it_is_inspected_too(path: InPath, mailbox: Mailbox) -> None:
    """The device knows by the port that the client meant, not by its own."""
    await path.start_device("--ports=25,465", f"--tls-inspection-ca={path.folder / 'ca'}", "--accept-open-relay")
    for version in VERSIONS:
        await mail(path, version, path.folder / "ca" / "ca.pem")
    assert mailbox.names == [NAME, NAME]
    async with path.talk(4) as plain:
        await plain.mail()
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
