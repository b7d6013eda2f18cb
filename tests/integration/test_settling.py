"""What the server says to a replacement settles the entry: accepted keeps it, refused ends it, no word leaves it held."""

import asyncio
import socket
import sqlite3
import struct
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from cloud.address import Address
from cloud.quarantine.lifecycle import State
from lab.demo.visitor import Visitor, link_in
from lab.site import Site
from lab.site import site as running_site
from lab.traffic.samples.programs import scored
from lab.waiting import until
from tests.people import SECONDS, Administrator, Mail, People, mail
from tests.scripted_server import CLOSE, RESET, SILENCE, Rule, ScriptedServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

REFUSAL = "550 5.7.1 not here"
numbers = count()


@dataclass
class Place:
    """A site in front of a server that says what a test tells it."""

    site: Site
    server: ScriptedServer

    @property
    def people(self) -> People:
        return People(self.site)

    @property
    def administrator(self) -> Administrator:
        return Administrator(self.site)

    def attempts(self, message_id: str) -> list[tuple[str | None, str | None]]:
        """Outcome and reply code of each attempt to hand over that message's replacement."""
        query = "SELECT outcome, reply_code FROM attempts WHERE message_id = ? ORDER BY opened_at"
        return self._rows(query, message_id)

    def keys(self, message_id: str) -> list[tuple[bytes | None, str | None]]:
        """Key and blob of that message, as far as they are there."""
        return self._rows("SELECT wrapped_key, blob FROM held_messages WHERE id = ?", message_id)

    async def settled(self, message_id: str, *expected: tuple[str | None, str | None]) -> None:
        """Waits until that message's attempts stand like this."""

        async def there() -> bool:
            return self.attempts(message_id) == list(expected)

        await until(there, SECONDS)

    def _rows(self, query: str, message_id: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self.site.cloud_state / 'cloud.db'}?mode=ro", uri=True)) as database:
            return database.execute(query, (message_id,)).fetchall()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    server = ScriptedServer()
    async with (
        server.running(),
        running_site(tmp_path_factory.mktemp("settling"), Address("127.0.0.1", server.port)) as site,
    ):
        yield Place(site, server)


@pytest.fixture
def place(running: Place) -> Place:
    """The server without rules and memories."""
    running.server.rules.clear()
    running.server.heard.clear()
    running.server.messages.clear()
    return running


def malicious(*others: str) -> Mail:
    """A mail of which there is no second."""
    name = f"settled-{next(numbers)}"
    return mail((f"{name}@example.net", *others), scored(9), sender=f"{name}@example.com")


async def test_an_accepted_replacement_keeps_the_entry(place: Place) -> None:
    """Held, its attempt accepted with the server's code, its key there."""
    sent = malicious()
    assert (await place.people.send(sent))[0] == 250
    held = await place.administrator.held(sent)
    await place.settled(held.id, ("accepted", "250 2.0.0"))
    assert (await place.administrator.held(sent)).status is State.HELD
    assert (await place.administrator.shown(sent)).content_kept


@pytest.mark.parametrize(
    "rule",
    [
        Rule("MAIL FROM:<quarantine@", REFUSAL),
        Rule("RCPT", REFUSAL, turn=2),
        Rule("DATA", REFUSAL),
        Rule(".", REFUSAL),
    ],
    ids=lambda rule: str(rule.words),
)
async def test_a_refused_replacement_ends_the_entry(place: Place, rule: Rule) -> None:
    """The client hears the refusal, wherever it came; the entry is deleted and its key destroyed: nothing can come of it."""
    place.server.rules.append(rule)
    sent = malicious()
    code, text = await place.people.send(sent)
    assert f"{code} {text}" == REFUSAL
    held = await place.administrator.until_stands(sent, State.DELETED)
    assert place.attempts(held.id) == [("refused", "550 5.7.1")]
    assert held.acted_by == "system:refused"
    assert not (await place.administrator.shown(sent)).content_kept
    assert [key for key, _ in place.keys(held.id)] == [None]


async def test_all_recipients_must_take_the_replacement(place: Place) -> None:
    """One of two refuses it: both transactions are over, and so is the entry."""
    sent = malicious("second@example.net")
    place.server.rules.append(Rule("RCPT TO:<second@", REFUSAL, turn=2))
    code, text = await place.people.send(sent)
    assert f"{code} {text}" == REFUSAL
    await place.administrator.until_stands(sent, State.DELETED)
    assert place.server.messages == []


@pytest.mark.parametrize("death", [CLOSE, RESET])
async def test_without_any_word_the_entry_stays_held(place: Place, death: str) -> None:
    """The server may have the replacement, so its link stays good; the client's retry joins the entry."""
    place.server.rules.append(Rule(".", death, turn=1))
    sent = malicious()
    code, text = await place.people.send(sent)
    assert (code, text[:5]) == (421, "4.3.0")
    held = await place.administrator.held(sent)
    assert held.status is State.HELD
    assert place.attempts(held.id) == [(None, None)]
    first_link = link_in(place.server.messages[0])
    assert (await place.people.send(sent))[0] == 250
    await place.settled(held.id, (None, None), ("accepted", "250 2.0.0"))
    mine = [each for each in await place.administrator.all_held() if each.mail_from == sent.sender]
    assert [each.status for each in mine] == [State.HELD]
    async with Visitor() as visitor:
        assert (await visitor.follow(first_link)).says("A message to you is quarantined")


async def until_asked(place: Place, sent: Mail, words: str) -> socket.socket:
    """A client that has sent its mail and waits, at the moment when the server has heard these words."""
    client = await asyncio.to_thread(dialled, place.site.smtp, sent)
    async with asyncio.timeout(SECONDS):
        await place.server.until_heard(words)
    return client


def dialled(smtp: Address, sent: Mail) -> socket.socket:
    """A client right after its final dot."""
    client = socket.create_connection((smtp.host, smtp.port), SECONDS)
    answers = client.makefile("rb")
    commands = ["HELO client.example.com", f"MAIL FROM:<{sent.sender}>", f"RCPT TO:<{sent.recipients[0]}>", "DATA"]
    answers.readline()
    for command in commands:
        client.sendall(command.encode() + b"\r\n")
        answers.readline()
    client.sendall(sent.content + b".\r\n")
    answers.close()
    return client


def reset(client: socket.socket) -> None:
    """Go away at once: RST instead of FIN (socket(7), SO_LINGER)."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


async def test_a_client_that_leaves_before_the_final_dot_leaves_nothing_held(place: Place) -> None:
    """Stored, and the replacement never sent: settled as refused."""
    place.server.rules.append(Rule("DATA", SILENCE))
    sent = malicious()
    reset(await until_asked(place, sent, "DATA"))
    async with asyncio.timeout(SECONDS):
        await place.server.until_gone()
    held = await place.administrator.until_stands(sent, State.DELETED)
    assert [outcome for outcome, _ in place.attempts(held.id)] == ["refused"]


@pytest.mark.parametrize(
    ("word", "state", "attempt"),
    [
        ("250 2.0.0 Ok: queued", State.HELD, ("accepted", "250 2.0.0")),
        (REFUSAL, State.DELETED, ("refused", "550 5.7.1")),
    ],
)
async def test_after_the_final_dot_the_servers_word_counts_though_the_client_left(
    place: Place, word: str, state: State, attempt: tuple[str, str]
) -> None:
    place.server.rules.append(Rule(".", SILENCE))
    sent = malicious()
    reset(await until_asked(place, sent, "."))
    held = await place.administrator.held(sent)
    assert place.attempts(held.id) == [(None, None)]
    await place.server.say(word)
    await place.settled(held.id, attempt)
    await place.administrator.until_stands(sent, state)
