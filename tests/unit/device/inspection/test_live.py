"""`srx tap` without an interface: frames in, and what is said of their mail as it ends; the same that `srx inspect` says."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from device.cli import app
from device.errors import WrongSetting
from device.inspection.live import Tap, Told
from device.inspection.offline import inspect
from device.interception.capture import frames as read
from device.interception.connections import Bounds
from device.interception.packets import Frame, Segment
from device.interception.remarks import Remark
from device.smtp.intake import Endpoint
from tests.wiretap import BEFORE, DATA, MAIL, MESSAGE, QUIT, Line, Wire, frames

CORPORA = Path(__file__).parents[3] / "corpora" / "pcap-zeek"
LIMIT = 32 * 1024 * 1024
PORTS = frozenset({25, 465, 587, 2525})
NOW = datetime(2026, 1, 1, tzinfo=UTC)
AGAIN: list[Line] = [*BEFORE[3:], *DATA, ("C", MESSAGE), ("C", b".\r\n"), ("S", b"250 taken\r\n")]


class Listening:
    """A tap whose time stands still until it is moved."""

    def __init__(self, ports: frozenset[int] = PORTS) -> None:
        self.seconds = 0.0
        bounds = Bounds(100, 10**8, 60, 1800, 5)
        self.tap = Tap("eth0", ports, LIMIT, bounds, clock=lambda: NOW, elapsed=lambda: self.seconds)

    def hear(self, segments: Iterable[Segment]) -> list[Told]:
        return [told for data in frames(segments) for told in self.tap.feed(Frame(1, data, NOW.timestamp()))]

    def wait(self, seconds: float) -> list[Told]:
        self.seconds += seconds
        return list(self.tap.expire())


def notes(told: list[Told]) -> list[tuple[str, ...]]:
    return [each.inspected.notes for each in told]


@pytest.mark.parametrize("path", sorted(CORPORA.iterdir()), ids=lambda path: path.name)
def test_the_same_is_said_as_of_a_file(path: Path) -> None:
    """All but what comes to light after a message's end, that a file's reader knows already."""
    from_file = list(inspect(path, LIMIT))
    listening = Listening(PORTS | {each.peers.server.port for each in from_file if each.peers is not None})
    told = [told for frame in read(path) for told in listening.tap.feed(frame)]
    told += listening.tap.finish()
    messages = [each.inspected for each in told if each.is_message]
    expected = [each.inspected for each in from_file if any(note.startswith("would ") for note in each.inspected.notes)]
    assert [(each.mail_from, each.rcpt_to, each.attachments) for each in messages] == [
        (each.mail_from, each.rcpt_to, each.attachments) for each in expected
    ]
    said = {note for each in told for note in each.inspected.notes}
    assert said == {note for each in from_file for note in each.inspected.notes}


def test_a_message_is_told_once_the_server_has_answered_it() -> None:
    """Not at the connection's end; and nothing is left to say then."""
    listening = Listening()
    *before, quit_, _, fin, fin_too = Wire().segments(MAIL)
    (told,) = listening.hear(before)
    assert told.as_json() == {
        "interface": "eth0",
        "time": "2026-01-01T00:00:00+00:00",
        "client": "192.0.2.1:40000",
        "server": "198.51.100.25:25",
        "mail_from": "a@example.com",
        "rcpt_to": ("b@example.net",),
        "attachments": (told.as_json()["attachments"][0],),
        "notes": ("would ask the cloud: the score of 1 file decides",),
    }
    assert told.as_text().startswith(
        "2026-01-01T00:00:00.000+00:00 eth0 (192.0.2.1:40000 → 198.51.100.25:25)\n  <a@example.com> → <b@example.net>\n"
    )
    assert listening.hear([quit_, fin, fin_too]) == []
    assert listening.wait(5) == []


def test_messages_of_one_session_are_told_one_by_one() -> None:
    listening = Listening()
    told = listening.hear(Wire().segments([*BEFORE[:3], *AGAIN, *AGAIN, *AGAIN], end=False))
    assert notes(told) == [("would ask the cloud: the score of 1 file decides",)] * 3
    assert listening.tap.summary()["messages"] == 3


def test_a_session_without_a_message_is_told_at_its_end() -> None:
    listening = Listening()
    encrypted: list[Line] = [
        *BEFORE[:3],
        ("C", b"STARTTLS\r\n"),
        ("S", b"220 go ahead\r\n"),
        ("C", b"\x16\x03\x01\x02\x00\x01"),
    ]
    assert listening.hear(Wire().segments(encrypted)) == []
    (told,) = listening.wait(5)
    assert told.inspected.notes == (Remark.NO_MESSAGE, Remark.STARTTLS)
    assert not told.is_message
    summary = listening.tap.summary()
    assert (summary["messages"], summary["sessions_without_message"]) == (0, 1)


def test_what_comes_to_light_after_the_last_message_is_told_at_the_end() -> None:
    listening = Listening()
    listening.hear(Wire().segments([*BEFORE[:3], *AGAIN, ("C", b"STARTTLS\r\n"), ("S", b"220 go ahead\r\n")]))
    assert notes(listening.wait(5)) == [(Remark.STARTTLS,)]


def test_a_silent_session_is_told_and_counted() -> None:
    listening = Listening()
    listening.hear(Wire().segments([*BEFORE, *DATA, ("C", MESSAGE)], end=False))
    assert listening.wait(1799) == []
    (told,) = listening.wait(1)
    assert told.inspected.notes[0] == "would abandon: the message has no end"
    assert set(told.inspected.notes[1:]) == {Remark.INCOMPLETE, Remark.GIVEN_UP}
    assert (told.time, listening.tap.summary()["given_up"]) == (NOW, {"idle": 1})


def test_the_end_of_the_tap_tells_what_is_under_way() -> None:
    listening = Listening()
    listening.hear(Wire().segments([*BEFORE[:3], *QUIT], end=False))
    assert notes(list(listening.tap.finish())) == [(Remark.NO_MESSAGE, Remark.UNENDED)]


def test_other_ports_are_not_heard_even_where_smtp_is_spoken() -> None:
    """The kernel's filter lets through what it can't decide."""
    listening = Listening(frozenset({587}))
    assert listening.hear(Wire().segments(MAIL)) == []
    assert listening.tap.summary()["packets"] == 0


def test_a_port_that_is_named_is_one_for_mail() -> None:
    """So that a session with TLS from its first byte is told there, too."""
    server = Endpoint("198.51.100.25", 2600)
    listening = Listening(frozenset({2600}))
    listening.hear(Wire(server=server).segments([("C", b"\x16\x03\x01\x02\x00\x01")]))
    assert notes(listening.wait(5)) == [(Remark.NO_MESSAGE, Remark.IMPLICIT_TLS)]


def test_what_a_terminal_would_obey_is_shown_escaped() -> None:
    evil = [(who, said.replace(b"a@example", b"\x1b[2Ja@example")) for who, said in MAIL]
    (told,) = Listening().hear(Wire().segments(evil))
    assert "<\\x1b[2Ja@example.com>" in told.as_text()


def test_packets_that_can_not_be_read_are_counted() -> None:
    listening = Listening()
    assert list(listening.tap.feed(Frame(1, b"\0" * 12 + b"\x08\0" + b"\x41" + bytes(30)))) == []
    assert listening.tap.summary()["remarks"] == {Remark.DAMAGED: 1}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--interface", "no-such"], "there is no interface no-such"),
        (["--interface", "lo", *(flag for port in range(1, 102) for flag in ("--port", str(port)))], "port was given"),
        (["--interface", "lo", "--max-held-bytes", "1"], "max-held-bytes can't be 1"),
    ],
)
def test_wrong_settings_are_refused(flags: list[str], said: str) -> None:
    error: Any = CliRunner().invoke(app, ["tap", *flags]).exception
    assert isinstance(error, WrongSetting)
    assert said in error.sentence


@pytest.mark.parametrize("flags", [["--port", "0"], ["--count", "0"], ["--max-connections", "0"], []])
def test_wrong_usage_is_exit_code_2(flags: list[str]) -> None:
    assert CliRunner().invoke(app, ["tap", *(["--interface", "lo"] if flags else []), *flags]).exit_code == 2
