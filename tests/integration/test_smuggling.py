"""SMTP smuggling (SEC Consult, December 2023) at the device as a process, with real servers behind it.

Exactly one message where the client sent one, or none; never two, and never a command out of a message's text. What each
sequence does without the device is shown at a Postfix that reads as it did before the CVEs.
"""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
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


@dataclass(frozen=True, slots=True)
class Odd:
    """What some server takes for the end of a message, the public case, and whether Postfix did."""

    sequence: bytes
    case: str
    at_postfix: bool = False


ODD = {
    "LF.CRLF": Odd(b"\n.\r\n", "CVE-2023-51764 (Postfix), -51765 (Sendmail), -51766 (Exim)", at_postfix=True),
    "LF.LF": Odd(b"\n.\n", "CVE-2023-51764 (Postfix)", at_postfix=True),
    "CRLF.LF": Odd(b"\r\n.\n", "CVE-2023-51764 (Postfix)", at_postfix=True),
    "LFLF.CRLF": Odd(b"\n\n.\r\n", "CVE-2023-51764 (Postfix)", at_postfix=True),
    "CRCRLF.LF": Odd(b"\r\r\n.\n", "CVE-2023-51764 (Postfix)", at_postfix=True),
    "CRLF.CRCRLF": Odd(b"\r\n.\r\r\n", "SMTP-Smuggling-Tools; Postfix drops every CR at a line's end", at_postfix=True),
    "LF.CR": Odd(b"\n.\r", "SMTP-Smuggling-Tools"),
    "CR.LF": Odd(b"\r.\n", "SMTP-Smuggling-Tools"),
    "CR.CR": Odd(b"\r.\r", "SMTP smuggling by way of Cisco Secure Email, which makes CRLF of CR"),
    "CR.CRLF": Odd(b"\r.\r\n", "as CR.CR"),
    "CRLF.CR": Odd(b"\r\n.\r", "as CR.CR"),
    "CRCR.CRCR": Odd(b"\r\r.\r\r", "SMTP-Smuggling-Tools"),
    "CRLF NUL.CRLF": Odd(b"\r\n\0.\r\n", "NUL variant"),
    "CRLF.NUL CRLF": Odd(b"\r\n.\0\r\n", "NUL variant"),
    "CRLF.NUL LF": Odd(b"\r\n.\0\n", "NUL variant"),
    "LF NUL.NUL LF": Odd(b"\n\0.\0\n", "NUL variant"),
    "CR NUL.CRLF": Odd(b"\r\0.\r\n", "NUL variant"),
}
CLEAR = {
    "CRLF..CRLF": b"\r\n..\r\n",
    "CRLF..LF": b"\r\n..\n",
    "LF..LF": b"\n..\n",
    "CR..CR": b"\r..\r",
    "LF": b"\n",
    "CR": b"\r",
    "NUL": b"\0",
}
"""What nobody takes for an end, and what undoing and doing dot-stuffing must not make one of."""
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
    odd, guarded = ODD[name], servers[server]
    before = await guarded.arrived()
    for first, *others in segmentations(odd.sequence):
        attack = Attack(next(numbers))
        pieces = [attack.text + first, *others, attack.transaction + b"QUIT\r\n"]
        assert await guarded.replies((*ENVELOPE, "DATA"), pieces) == ["550", "221"], odd.case
    assert await guarded.arrived() == before, odd.case


@pytest.mark.parametrize("name", ODD)
async def test_without_the_device_the_sequence_is_an_attack(servers: dict[str, Guarded], name: str) -> None:
    """On a Postfix of before the CVEs, where it takes this sequence for an end: so the test above can fail."""
    odd, attack, guarded = ODD[name], Attack(next(numbers)), servers["Postfix"]
    sent = attack.text + odd.sequence + attack.transaction + b"QUIT\r\n"
    await guarded.replies((*ENVELOPE, "DATA"), [sent], directly=True)
    arrived = await guarded.arrived()
    assert attack.outer in arrived
    assert (attack.inner in arrived) is odd.at_postfix


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("name", CLEAR)
async def test_a_clear_message_is_one(servers: dict[str, Guarded], server: str, name: str) -> None:
    """What stands in its text stays text, though it looks like commands: the one message arrives, once for each sending."""
    guarded, attacks = servers[server], []
    for first, *others in segmentations(CLEAR[name]):
        attacks.append(Attack(next(numbers)))
        pieces = [attacks[-1].text + first, *others, attacks[-1].transaction + b"QUIT\r\n"]
        assert await guarded.replies((*ENVELOPE, "DATA"), pieces) == ["250", "221"]
    arrived = await guarded.arrived()
    assert [arrived.count(each.outer) for each in attacks] == [1] * len(attacks)
    assert not {each.inner for each in attacks} & set(arrived)


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


@dataclass(frozen=True, slots=True)
class Chunked:
    """What follows RCPT, given the chunks' text and the transaction to smuggle; the replies, QUIT's too; what arrives."""

    sent: Callable[[bytes, bytes], bytes]
    codes: list[str]
    arrives: bool


def bdat(text: bytes, last: str = " LAST") -> bytes:
    """RFC 3030, section 2."""
    return b"BDAT %d%s\r\n" % (len(text), last.encode()) + text


CHUNKED = {
    "an odd dot within": Chunked(lambda text, evil: bdat(text + b"\n.\n" + evil), ["550", "221"], arrives=False),
    "an odd dot across": Chunked(
        lambda text, evil: bdat(text + b"\n", "") + bdat(b".\r\n" + evil), ["250", "550", "221"], arrives=False
    ),
    "a true end within": Chunked(lambda text, evil: bdat(text + b"\r\n.\r\n" + evil), ["250", "221"], arrives=True),
    "a true end across": Chunked(
        lambda text, evil: bdat(text + b"\r\n.", "") + bdat(b"\r\n" + evil), ["250", "250", "221"], arrives=True
    ),
    "DATA after BDAT": Chunked(
        lambda text, evil: bdat(text, "") + b"DATA\r\n" + bdat(b"\r\n.\r\n" + evil),
        ["250", "503", "250", "221"],
        arrives=True,
    ),
    "nothing at last": Chunked(
        lambda text, evil: bdat(text + b"\r\n.\r\n" + evil, "") + bdat(b""), ["250", "250", "221"], arrives=True
    ),
    "a negative size": Chunked(lambda text, evil: b"BDAT -1 LAST\r\n" + text + b"\r\n" + evil, ["421"], arrives=False),
    "an absurd size": Chunked(lambda _text, evil: b"BDAT 99999999999999999999\r\n" + evil, ["421"], arrives=False),
}


@pytest.mark.parametrize("name", CHUNKED)
async def test_chunks_end_where_their_size_says(servers: dict[str, Guarded], name: str) -> None:
    """BDAT counts octets: what they hold is text, however it goes on to the server; Postfix takes them, too."""
    row, attack, guarded = CHUNKED[name], Attack(next(numbers)), servers["Postfix"]
    sent = row.sent(attack.text, attack.transaction) + b"QUIT\r\n"
    assert await guarded.replies(ENVELOPE, [sent]) == row.codes
    arrived = await guarded.arrived()
    assert arrived.count(attack.outer) == row.arrives
    assert attack.inner not in arrived
