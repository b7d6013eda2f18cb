"""`srx reload` of a device in one process: new sessions get the certificate that is on disk now, running ones are left alone."""

import asyncio
import shutil
import smtplib
import ssl
from pathlib import Path

from lab.processes import command_line, running
from tests.certificates import Issued, TestAuthority
from tests.encrypted_site import NAME, Mailbox, real_server

SECONDS = 60.0


def session(address: str) -> smtplib.SMTP:
    host, _, port = address.rpartition(":")
    client = smtplib.SMTP(host, int(port), timeout=SECONDS)
    client._host = NAME  # type: ignore[attr-defined]  # smtplib verifies the name it connected to
    return client


def shown(client: smtplib.SMTP, roots: Path) -> bytes:
    """The certificate that the device shows after STARTTLS."""
    client.starttls(context=ssl.create_default_context(cafile=roots))
    assert isinstance(client.sock, ssl.SSLSocket)
    return client.sock.getpeercert(binary_form=True) or b""


def put(issued: Issued, folder: Path) -> None:
    """Where the device's flags say."""
    shutil.copy(issued.certificate, folder / "shown.pem")
    shutil.copy(issued.key, folder / "shown.key")


def der_of(issued: Issued) -> bytes:
    return ssl.PEM_cert_to_DER_cert(issued.certificate.read_text())


async def srx_reload(state: Path) -> tuple[int | None, str]:
    """Exit code and what was said, on either stream."""
    process = await asyncio.create_subprocess_exec(
        *command_line("srx", "reload", "--state", state),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    return process.returncode, out.decode()


async def test_new_sessions_get_what_is_on_disk_now(tmp_path: Path) -> None:
    """A session from before goes on in TLS with the old one; a damaged certificate is said, and changes nothing."""
    authority, state = TestAuthority(tmp_path), tmp_path / "state"
    real, first = authority.server(NAME), authority.server(NAME, "first.example.net")
    put(first, tmp_path)
    before = der_of(first)
    flags = [f"--tls-certificate={tmp_path / 'shown.pem'}", f"--tls-key={tmp_path / 'shown.key'}", f"--state={state}"]
    async with real_server(Mailbox(), real.context()) as port:
        device = command_line("srx", "run", "--json", "--listen=127.0.0.1:0", f"--server=127.0.0.1:{port}", *flags)
        async with running(device, tmp_path / "device.log", {"SSL_CERT_FILE": str(authority.root)}) as process:
            old = await asyncio.to_thread(session, process.ready["smtp"])
            try:
                assert await asyncio.to_thread(shown, old, authority.root) == before
                second = authority.server(NAME)
                put(second, tmp_path)
                assert await srx_reload(state) == (0, "The device has taken up what is on disk.\n")
                assert await asyncio.to_thread(shown_to_another, process.ready["smtp"], authority.root) == der_of(
                    second
                )
                (tmp_path / "shown.pem").write_text("no certificate")
                status, said = await srx_reload(state)
                assert (status, said.splitlines()[0][:35]) == (1, "srx: the device goes on as it was: ")
                assert await asyncio.to_thread(shown_to_another, process.ready["smtp"], authority.root) == der_of(
                    second
                )
                assert (await asyncio.to_thread(old.noop))[0] == 250
            finally:
                old.close()


def shown_to_another(address: str, roots: Path) -> bytes:
    with session(address) as client:
        return shown(client, roots)


async def test_without_a_device_there_is_nothing_to_reload(tmp_path: Path) -> None:
    status, said = await srx_reload(tmp_path)
    assert status == 1
    assert said.startswith("srx: no device runs")
