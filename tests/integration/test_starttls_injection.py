"""STARTTLS injection and stripping at the device as a process, by each policy, with a real Postfix behind it.

What either side says in the clear behind STARTTLS or its 220 is nobody's word: it is neither carried out nor handed on, and the
session ends. The cases are CVE-2011-0411 and those of the paper "Why TLS is better without STARTTLS" (USENIX Security 2021).
"""

import asyncio
import smtplib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.certificates import TestAuthority
from tests.encrypted_site import NAME
from tests.guarded_servers import LENIENT, Guarded, device_before, taken_by
from tests.postfix import Postfix, postfix
from tests.programs import need, need_root
from tests.tampering import Tampering, tampering

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.programs, pytest.mark.root]

GREETED = ("EHLO client.example.org",)
TRANSACTION = (
    b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\nMessage-ID: <evil@example.org>\r\n\r\n.\r\n"
)
READY = b"Ready to start TLS\r\n"
"""The end of Postfix's 220."""


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A Postfix that offers STARTTLS, someone in front of it, and before both a device of each policy. `roots` by policy."""

    server: Postfix
    path: Tampering
    devices: dict[str, Guarded]
    roots: dict[str, Path]

    async def sessions(self) -> list[str]:
        """What Postfix says of each session that is over: how many of each command it carried out."""
        return await self.server.logs(": disconnect from ", sum(each.sessions for each in self.devices.values()))

    def send(self, policy: str, identity: str) -> None:
        """smtplib, by verified TLS or not at all. Raises SMTPException."""
        device = self.devices[policy]
        device.sessions += 1
        with smtplib.SMTP(device.device.host, device.device.port, timeout=30) as client:
            client._host = NAME  # type: ignore[attr-defined]  # smtplib verifies the name it connected to
            client.starttls(context=ssl.create_default_context(cafile=self.roots[policy]))
            client.sendmail(
                "ann@example.com", ["bob@example.net"], f"Message-ID: <{identity}>\r\n\r\nhello\r\n".encode()
            )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def encrypted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Encrypted]:
    need("postfix")
    need_root("a Postfix of the test's own")
    folder: Path = tmp_path_factory.mktemp("encrypted")
    authority, shown = TestAuthority(folder), folder / "ca"
    own = authority.server(NAME)
    settings = {
        "smtpd_tls_security_level": "may",
        "smtpd_tls_cert_file": own.certificate,
        "smtpd_tls_key_file": own.key,
    }
    ways = {
        "inspect": (f"--tls-inspection-ca={shown}", f"--tls-server-name={NAME}"),
        "pass": ("--starttls=pass",),
        "strip": ("--starttls=strip",),
    }
    roots = {"inspect": shown / "ca.pem", "pass": authority.root, "strip": authority.root}
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", str(authority.root))
        async with AsyncExitStack() as parts:
            server = await parts.enter_async_context(postfix(settings=LENIENT | settings))
            path = await parts.enter_async_context(tampering(server.address))
            devices = {
                policy: Guarded(
                    server.address,
                    await parts.enter_async_context(device_before(path.address, folder / policy, *flags)),
                    taken_by(server),
                )
                for policy, flags in ways.items()
            }
            yield Encrypted(server, path, devices, roots)


@pytest.fixture(autouse=True)
def untouched(encrypted: Encrypted) -> None:
    """Each test begins with a path that changes nothing."""
    encrypted.path.change = bytes


async def arrived(encrypted: Encrypted) -> list[str]:
    """The Message-IDs of everything that Postfix took, once all sessions are over."""
    return await taken_by(encrypted.server)(len(await encrypted.sessions()))


@pytest.mark.parametrize("policy", ["inspect", "pass"])
async def test_mail_goes_by_verified_tls_where_nobody_interferes(encrypted: Encrypted, policy: str) -> None:
    """So that the refusals below are no habit of the device's."""
    identity = f"{policy}@example.com"
    await asyncio.to_thread(encrypted.send, policy, identity)
    assert (await arrived(encrypted)).count(identity) == 1
    assert " starttls=1 " in (await encrypted.sessions())[-1]


INJECTED = {
    "a whole transaction": ([b"STARTTLS\r\n" + TRANSACTION], ["421"]),
    "a transaction and TLS": (
        [b"STARTTLS\r\n" + TRANSACTION + b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
        ["421"],
    ),
    "one command": ([b"STARTTLS\r\nRSET\r\n"], ["421"]),
    "another EHLO": ([b"STARTTLS\r\nEHLO evil.example.org\r\n"], ["421"]),
    "STARTTLS twice": ([b"STARTTLS\r\nSTARTTLS\r\n"], ["421"]),
    "a command that is not whole": ([b"STARTTLS\r\nMAIL FROM:<evil@exa", b"mple.org>\r\n"], ["421"]),
    "behind EHLO in one segment": ([b"EHLO again.example.org\r\nSTARTTLS\r\n" + TRANSACTION], ["250", "421"]),
    "behind STARTTLS with LF alone": ([b"STARTTLS\n" + TRANSACTION], ["421"]),
}
"""CVE-2011-0411: what a client, or someone on its way, sends in the clear behind STARTTLS; the replies to it."""


@pytest.mark.parametrize("policy", ["inspect", "pass"])
@pytest.mark.parametrize("name", INJECTED)
async def test_commands_behind_starttls_end_the_session(encrypted: Encrypted, policy: str, name: str) -> None:
    """They are not kept until TLS begins, which would make them the client's own; no TLS begins at all."""
    pieces, codes = INJECTED[name]
    before = await arrived(encrypted)
    assert await encrypted.devices[policy].replies(GREETED, pieces) == codes
    assert await arrived(encrypted) == before
    assert not {" mail=", " rset=", " data="} & set_of_commands((await encrypted.sessions())[-1])


def set_of_commands(session: str) -> set[str]:
    """Postfix's summary as " ehlo=", " mail=" and so on."""
    return {f" {word.partition('=')[0]}=" for word in session.split() if "=" in word}


def behind_220(injected: bytes) -> Callable[[bytes], bytes]:
    return lambda said: said + injected if said.endswith(READY) else said


@pytest.mark.parametrize("policy", ["inspect", "pass"])
@pytest.mark.parametrize(
    "injected",
    [b"250 2.1.0 Ok\r\n", b"250-evil.example.org\r\n250 AUTH PLAIN\r\n", b"250-not", b"334 \r\n"],
    ids=["a reply", "a list of extensions", "a piece of a reply", "a challenge"],
)
async def test_replies_behind_the_220_reach_nobody(encrypted: Encrypted, policy: str, injected: bytes) -> None:
    """Response injection (the paper's section 4): kept, they would answer the client's first commands inside of TLS."""
    before = await arrived(encrypted)
    encrypted.path.change = behind_220(injected)
    assert await encrypted.devices[policy].replies(GREETED, [b"STARTTLS\r\n"]) == ["421"]
    assert await arrived(encrypted) == before


STRIPPED = {
    "by policy": ("strip", bytes, "500"),
    "on the way to the server": ("inspect", lambda said: said.replace(b"250-STARTTLS\r\n", b""), "500"),
    "by a refusal on the way": (
        "inspect",
        lambda said: b"454 4.7.0 no TLS\r\n" if said.endswith(READY) else said,
        "454",
    ),
}
"""Whose offer or word is gone: the device's policy, what the path does, and the reply to STARTTLS."""


@pytest.mark.parametrize("name", STRIPPED)
async def test_without_tls_nothing_goes_in_plain_text_that_asked_for_it(encrypted: Encrypted, name: str) -> None:
    """The client learns that there is no TLS, and decides; smtplib, told to use it, gives up."""
    policy, change, code = STRIPPED[name]
    before = await arrived(encrypted)
    encrypted.path.change = change
    assert (await encrypted.devices[policy].replies(GREETED, [b"STARTTLS\r\n", b"QUIT\r\n"]))[0] == code
    with pytest.raises(smtplib.SMTPException):
        await asyncio.to_thread(encrypted.send, policy, "plain@example.com")
    assert await arrived(encrypted) == before
