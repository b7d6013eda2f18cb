"""Whoever answers at enrolment proves first that it is the cloud which the URL means; a false one learns nothing."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from atp.enrolment_url import EnrolmentUrl, Token
from cloud.enrollment.authority import Authority
from device.enrollment.enrol import enrol
from device.enrollment.pinning import pinned_root
from device.errors import CloudNotTrusted, CloudUnreachable
from tests.enrolling import OwnClock, PlainSealer


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.open(tmp_path / "genuine", PlainSealer(), OwnClock())


@pytest.fixture
def impostor(tmp_path: Path) -> Authority:
    return Authority.open(tmp_path / "impostor", PlainSealer(), OwnClock())


class Recorder:
    """A TLS server that shows a chain and writes down every byte of application data."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.closed = asyncio.Event()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(4096):
                self.heard += chunk
        except ConnectionError:
            pass
        finally:
            writer.close()
            self.closed.set()


@asynccontextmanager
async def recording(
    folder: Path, signer: Authority, *above: x509.Certificate, host: str = "127.0.0.1"
) -> AsyncIterator[Recorder]:
    """A server with a leaf of that authority for localhost, and these certificates above it."""
    key = generate_private_key(SECP256R1())
    chain = (signer.server_certificate([], key.public_key()), *above)
    pem = b"".join(each.public_bytes(Encoding.PEM) for each in chain)
    pem += key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    recorder = Recorder()
    async with await asyncio.start_server(recorder.serve, host, 0, ssl=context) as server:
        recorder.port = server.sockets[0].getsockname()[1]
        yield recorder


def url(recorder: Recorder, pin: bytes, host: str = "localhost") -> str:
    return EnrolmentUrl(host, recorder.port, pin, Token("abcdefABCDEF", b"s" * 32)).text()


@pytest.mark.parametrize(
    ("signer", "above"),
    [
        ("false", ("false server", "false root")),
        # The genuine root is public: who sends it along has not been signed by it.
        ("false", ("false server", "false root", "genuine root")),
        ("false", ("genuine server", "genuine root")),
        # Signed by the cloud, but not sent whole.
        ("genuine", ("genuine server",)),
        ("genuine", ("genuine root",)),
        ("genuine", ()),
    ],
)
async def test_a_false_cloud_hears_nothing(
    authority: Authority, impostor: Authority, tmp_path: Path, signer: str, above: tuple[str, ...]
) -> None:
    """The handshake is all it sees: no token, no request, not a byte; and nothing is left on disk."""
    parties = {"genuine": authority, "false": impostor}
    named = {f"{name} server": party.server_ca for name, party in parties.items()}
    named |= {f"{name} root": party.root for name, party in parties.items()}
    async with recording(tmp_path, parties[signer], *(named[each] for each in above)) as recorder:
        with pytest.raises(CloudNotTrusted) as raised:
            await enrol(url(recorder, authority.pin), tmp_path / "device", serial="SN1")
        await asyncio.wait_for(recorder.closed.wait(), 5)
    assert raised.value.next_step.startswith("Nothing was sent.")
    assert recorder.heard == b""
    assert not (tmp_path / "device").exists()


async def test_the_genuine_root_is_found_and_nothing_is_said_to_find_it(authority: Authority, tmp_path: Path) -> None:
    async with recording(tmp_path, authority, authority.server_ca, authority.root) as recorder:
        for host in ("localhost", "127.0.0.1"):
            root = await pinned_root(host, recorder.port, authority.pin, datetime.now(UTC))
            assert root == authority.root
        await asyncio.wait_for(recorder.closed.wait(), 5)
        assert recorder.heard == b""


async def test_a_certificate_for_another_host_is_told_as_such(authority: Authority, tmp_path: Path) -> None:
    """The cloud runs under another name than the URL says; 127.0.0.2 is loopback too, and in no certificate."""
    async with recording(tmp_path, authority, authority.server_ca, authority.root, host="127.0.0.2") as recorder:
        with pytest.raises(CloudNotTrusted, match=r"not good for 127\.0\.0\.2") as raised:
            await pinned_root("127.0.0.2", recorder.port, authority.pin, datetime.now(UTC))
    assert "--advertised-host" in raised.value.next_step


async def test_a_server_without_tls_is_no_cloud(authority: Authority) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org ESMTP\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(CloudUnreachable, match=f"no answer from localhost:{port}"):
            await pinned_root("localhost", port, authority.pin, datetime.now(UTC))


async def test_a_name_that_does_not_resolve_is_no_cloud(authority: Authority) -> None:
    with pytest.raises(CloudUnreachable, match=r"cloud\.invalid:8443"):
        await pinned_root("cloud.invalid", 8443, authority.pin, datetime.now(UTC))
