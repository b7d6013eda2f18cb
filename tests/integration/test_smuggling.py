"""SMTP smuggling (SEC Consult, December 2023) at the device as a process, with real servers behind it.

Exactly one message where the client sent one, or none; never two, and never a command out of a message's text. What each
sequence does without the device is shown at a Postfix that reads as it did before the CVEs.
"""

import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.guarded_servers import Guarded, guarded_servers

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.programs, pytest.mark.root]

SERVERS = ("Postfix", "aiosmtpd", "smtp-sink")
ENVELOPE = ("EHLO client.example.org", "MAIL FROM:<ann@example.com>", "RCPT TO:<bob@example.net>")
TAKES = ["250", "250", "354", "250"]
"""The replies to another transaction."""
ODD = {
    "LF.CRLF": (b"\n.\r\n", "CVE-2023-51764 (Postfix), -51765 (Sendmail), -51766 (Exim)"),
    "LF.LF": (b"\n.\n", "CVE-2023-51764 (Postfix)"),
    "CRLF.LF": (b"\r\n.\n", "CVE-2023-51764 (Postfix)"),
    "LF.CR": (b"\n.\r", "SMTP-Smuggling-Tools"),
    "CR.CR": (b"\r.\r", "SMTP smuggling by way of Cisco Secure Email, which makes CRLF of CR"),
    "CR.LF": (b"\r.\n", "SMTP-Smuggling-Tools"),
    "CR.CRLF": (b"\r.\r\n", "as CR.CR"),
    "CRLF.CR": (b"\r\n.\r", "as CR.CR"),
    "CRLF.CRCRLF": (b"\r\n.\r\r\n", "SMTP-Smuggling-Tools"),
    "CRCRLF.LF": (b"\r\r\n.\n", "SMTP-Smuggling-Tools"),
    "CRCR.CRCR": (b"\r\r.\r\r", "SMTP-Smuggling-Tools"),
    "LFLF.CRLF": (b"\n\n.\r\n", "CVE-2023-51764 and its kin"),
    "CRLF NUL.CRLF": (b"\r\n\0.\r\n", "NUL variant"),
    "CRLF.NUL CRLF": (b"\r\n.\0\r\n", "NUL variant"),
    "LF NUL.NUL LF": (b"\n\0.\0\n", "NUL variant"),
    "CR NUL.CRLF": (b"\r\0.\r\n", "NUL variant"),
    "CRLF.NUL LF": (b"\r\n.\0\n", "NUL variant"),
}
"""What some server takes for the end of a message, and the public case."""
ENDS_AT_POSTFIX = ("LF.CRLF", "LF.LF", "CRLF.LF", "CRCRLF.LF", "LFLF.CRLF")
numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Attack:
    """One message, and within its text, behind the sequence, another with its envelope."""

    number: int

    @property
    def outer(self) -> str:
        return f"outer-{self.number}@example.com"

    @property
    def inner(self) -> str:
        return f"inner-{self.number}@example.com"

    @property
    def text(self) -> bytes:
        return f"Message-ID: <{self.outer}>\r\n\r\nhello".encode()

    @property
    def transaction(self) -> bytes:
        return (
            f"MAIL FROM:<evil@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\nMessage-ID: <{self.inner}>\r\n\r\n"
        ).encode() + b"smuggled\r\n.\r\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Guarded]]:
    folder: Path = tmp_path_factory.mktemp("guarded")
    async with guarded_servers(folder) as made:
        yield made


def segmentations(odd: bytes) -> Iterator[list[bytes]]:
    """The sequence whole, cut in two at each byte, and each byte on its own."""
    yield from ([odd[:cut], odd[cut:]] for cut in range(len(odd)))
    yield [odd[at : at + 1] for at in range(len(odd))]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("name", ODD)
async def test_nothing_of_an_ambiguous_message_arrives(servers: dict[str, Guarded], server: str, name: str) -> None:
    """However it is cut into segments: one refusal, and then the client's own QUIT."""
    odd, case = ODD[name]
    guarded, before = servers[server], await servers[server].arrived()
    for first, *others in segmentations(odd):
        attack = Attack(next(numbers))
        pieces = [attack.text + first, *others, attack.transaction + b"QUIT\r\n"]
        assert await guarded.replies((*ENVELOPE, "DATA"), pieces) == ["550", "221"], case
    assert await guarded.arrived() == before, case


@pytest.mark.parametrize("name", ODD)
async def test_without_the_device_the_sequence_is_an_attack(servers: dict[str, Guarded], name: str) -> None:
    """On a Postfix of before the CVEs, where it takes this sequence for an end: so the test above can fail."""
    odd, _ = ODD[name]
    attack, guarded = Attack(next(numbers)), servers["Postfix"]
    await guarded.replies((*ENVELOPE, "DATA"), [attack.text + odd + attack.transaction + b"QUIT\r\n"], directly=True)
    arrived = await guarded.arrived()
    assert attack.outer in arrived
    assert (attack.inner in arrived) is (name in ENDS_AT_POSTFIX)


@pytest.mark.parametrize("server", SERVERS)
async def test_behind_a_true_end_are_commands(servers: dict[str, Guarded], server: str) -> None:
    """Two messages in one segment are two, as the client sent them, whatever became of the first."""
    both, second, guarded = Attack(next(numbers)), Attack(next(numbers)), servers[server]
    sent = both.text + b"\r\n.\r\n" + both.transaction + b"QUIT\r\n"
    assert await guarded.replies((*ENVELOPE, "DATA"), [sent]) == ["250", *TAKES, "221"]
    sent = second.text + b"\n.\n" + b"\r\n.\r\n" + second.transaction + b"QUIT\r\n"
    assert await guarded.replies((*ENVELOPE, "DATA"), [sent]) == ["550", *TAKES, "221"]
    arrived = await guarded.arrived()
    assert {both.outer, both.inner, second.inner} <= set(arrived)
    assert second.outer not in arrived
