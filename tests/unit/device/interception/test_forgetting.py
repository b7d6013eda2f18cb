"""What is overheard for days stays within its bounds: connections go when their time has come, and it is said which and why."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.interception.connection import Session
from device.interception.connections import Bounds, Connections, Lost
from device.interception.matching import BACKLOG
from device.interception.packets import Flag, Segment
from device.interception.remarks import Remark
from device.smtp.intake import Endpoint
from tests.wiretap import BEFORE, CLIENT, DATA, MAIL, MESSAGE, SERVER, Line, Wire

BOUNDS = Bounds(connections=10, held=100_000, half_open=60, idle=1800, linger=5)


class Overheard:
    """Connections within bounds, and what became of them."""

    def __init__(self, bounds: Bounds = BOUNDS) -> None:
        self.sessions: list[Session[bytes]] = []
        self.connections = Connections(10**6, lambda heard: b"".join(heard.content), self.sessions.append, bounds)

    def hear(self, segments: list[Segment], now: float = 0.0) -> "Overheard":
        for segment in segments:
            self.connections.feed(segment, now)
        return self

    @property
    def lost(self) -> Counter[Lost]:
        return self.connections.lost

    @property
    def kept(self) -> int:
        return len(self.connections._entries)


def from_port(port: int, lines: list[Line], *, end: bool = True) -> list[Segment]:
    return Wire(client=Endpoint("192.0.2.1", port)).segments(lines, end=end)


def syn(port: int) -> list[Segment]:
    return from_port(port, [], end=False)[:1]


def test_an_ended_connection_lingers_and_is_then_forgotten() -> None:
    """A copy that comes late is still of it; nothing is lost."""
    heard = Overheard().hear(Wire().segments(MAIL))
    heard.connections.expire(4)
    assert (heard.kept, heard.sessions) == (1, [])
    heard.hear([Wire().segments(MAIL)[-1]], 4)
    heard.connections.expire(8)
    assert heard.kept == 1
    heard.connections.expire(9)
    assert (heard.kept, heard.lost) == (0, {})
    assert [(session.messages, session.remarks) for session in heard.sessions] == [([MESSAGE], set())]


def test_a_reset_connection_is_forgotten_like_one_that_ended() -> None:
    segments = Wire().segments(MAIL, end=False)
    heard = Overheard().hear([*segments, Segment(CLIENT, SERVER, segments[-1].acknowledgement, 0, Flag.RST, b"")])
    heard.connections.expire(5)
    assert (heard.kept, heard.lost, heard.sessions[0].remarks) == (0, {}, set())


def test_a_silent_connection_is_given_up_with_what_it_had() -> None:
    """In the middle of a message, that is incomplete then."""
    heard = Overheard().hear(Wire().segments([*BEFORE, *DATA, ("C", MESSAGE)], end=False))
    heard.connections.expire(1799)
    assert heard.kept == 1
    heard.connections.expire(1800)
    assert (heard.kept, heard.lost) == (0, {Lost.IDLE: 1})
    assert (heard.sessions[0].messages, heard.sessions[0].remarks) == ([MESSAGE], {Remark.GIVEN_UP})


@pytest.mark.parametrize("segments", [1, 2])
def test_a_handshake_that_comes_to_nothing_is_given_up_sooner(segments: int) -> None:
    """A SYN, or a SYN and its answer."""
    heard = Overheard().hear(Wire().segments([], end=False)[:segments])
    heard.connections.expire(60)
    assert (heard.kept, heard.lost, heard.sessions) == (0, {Lost.HALF_OPEN: 1}, [])


def test_a_connection_that_waits_for_its_greeting_is_not_half_open() -> None:
    segments = Wire().segments([], end=False)
    heard = Overheard().hear([*segments, Segment(CLIENT, SERVER, segments[-1].acknowledgement, 7001, Flag.ACK, b"")])
    heard.connections.expire(60)
    assert heard.kept == 1


def test_a_flood_of_syns_pushes_out_no_mail() -> None:
    mail = Wire().segments(MAIL)
    heard = Overheard().hear(mail[:12])
    for port in range(1000, 1500):
        heard.hear(syn(port))
    assert (heard.kept, heard.lost) == (10, {Lost.TOO_MANY: 491})
    heard.hear(mail[12:])
    heard.connections.finish()
    assert [(session.messages, session.remarks) for session in heard.sessions] == [([MESSAGE], set())]


def test_among_too_many_ended_ones_go_first_and_open_ones_last() -> None:
    heard = Overheard(Bounds(connections=3)).hear(from_port(1, BEFORE, end=False))
    heard.hear(from_port(2, MAIL)).hear(syn(3)).hear(syn(4))
    assert [session.peers.client.port for session in heard.sessions] == [2]
    assert heard.lost == {}
    heard.hear(syn(5))
    assert heard.lost == {Lost.TOO_MANY: 1}
    assert {entry.connection._ends[0].port for entry in heard.connections._entries.values()} == {1, 4, 5}


def test_a_new_connection_has_its_place_among_open_ones() -> None:
    """The one that was silent longest makes room."""
    heard = Overheard(Bounds(connections=2))
    for port in (1, 2):
        heard.hear(from_port(port, BEFORE, end=False))
    heard.hear(from_port(1, BEFORE, end=False)[-1:]).hear(from_port(3, MAIL))
    assert [session.peers.client.port for session in heard.sessions] == [2]
    assert heard.sessions[0].remarks == {Remark.GIVEN_UP}


def test_who_holds_most_goes_where_too_much_is_held() -> None:
    """A small mail is not pushed out by a large one."""
    mail = Wire().segments(MAIL)
    heard = Overheard().hear(mail[:12])
    large: list[Line] = [*BEFORE, *DATA, ("C", b"x" * 90_000 + b"\r\n")]
    heard.hear(from_port(2, large, end=False)).hear(mail[12:])
    heard.connections.finish()
    assert heard.lost == {Lost.TOO_MUCH: 1}
    assert {session.peers.client.port: session.messages[-1:] for session in heard.sessions}[CLIENT.port] == [MESSAGE]


def test_what_waits_behind_a_hole_is_held_too() -> None:
    segments = Wire().segments([*BEFORE, *DATA, ("C", b"x" * 150_000)], end=False)
    heard = Overheard().hear([*segments[:11], *segments[12:]])
    assert heard.lost == {Lost.TOO_MUCH: 1}


def test_messages_that_were_told_are_not_held() -> None:
    """A connection that goes on for days: each message is given once, and its session knows what was said."""
    overheard = Overheard()
    again: list[Line] = [*BEFORE[3:], *DATA, ("C", MESSAGE), ("C", b".\r\n"), ("S", b"250 taken\r\n")]
    given: list[bytes] = []
    for segment in Wire().segments([*BEFORE[:3], *again * 50], end=False):
        connection = overheard.connections.feed(segment)
        if connection.has_news and (session := connection.so_far()) is not None:
            given += session.messages
    assert given == [MESSAGE] * 50
    assert overheard.connections._held < 2 * 64 * 1024 + 50 * len(MESSAGE)
    overheard.connections.finish()
    assert (overheard.sessions[0].messages, overheard.sessions[0].told) == ([], set())


@pytest.mark.parametrize("side", ["C", "S"])
def test_a_side_that_is_not_captured_fills_no_memory(side: str) -> None:
    """Commands that never get a reply, replies that never had a command."""
    said = b"NOOP\r\n" if side == "C" else b"250 ok\r\n"
    segments = Wire().segments([("S", b"220 mail.example.net\r\n"), (side, said * (2 * BACKLOG))], end=False)
    heard = Overheard(Bounds()).hear(segments)
    assert heard.connections._held < 64 * BACKLOG + 3 * 64 * 1024


@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 8), st.sampled_from([0, 1, 30, 100, 2000])), max_size=60),
    st.integers(1, 4),
)
@settings(max_examples=60, deadline=None)
def test_books_are_kept_whatever_comes(heard: list[tuple[int, int, int]], connections: int) -> None:
    """Any mix of connections, pauses and bounds: what is counted as held is held, and nobody is in two queues."""
    overheard = Overheard(Bounds(connections, 900, 60, 1800, 5))
    wires = {port: from_port(port, MAIL) for port in range(1, 7)}
    now = 0
    for port, count, pause in heard:
        now += pause
        overheard.connections.expire(now)
        overheard.hear(wires[port][:count], now)
        del wires[port][:count]
        table = overheard.connections
        assert len(table._entries) <= connections
        assert table._held == sum(entry.connection.held for entry in table._entries.values()) <= 900
        queued = [ends for queue in table._queues.values() for ends in queue]
        assert sorted(map(str, queued)) == sorted(map(str, table._entries))
    overheard.connections.finish()
    assert (overheard.connections._held, overheard.kept) == (0, 0)
