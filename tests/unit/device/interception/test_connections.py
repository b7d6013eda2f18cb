"""Segments of many connections become the sessions that speak SMTP, each with its client and server."""

import random
from collections.abc import Iterable

import pytest

from device.interception.connection import Session
from device.interception.connections import Connections
from device.interception.packets import Flag, Segment
from device.interception.remarks import Remark
from device.smtp.intake import Endpoint
from tests.wiretap import CLIENT, MAIL, MESSAGE, SERVER, Wire


def sessions(segments: Iterable[Segment]) -> list[Session[bytes]]:
    ended: list[Session[bytes]] = []
    connections = Connections(10**6, lambda heard: b"".join(heard.content), ended.append)
    for segment in segments:
        connections.feed(segment)
    connections.finish()
    return ended


def test_a_whole_connection_has_nothing_to_say() -> None:
    (session,) = sessions(Wire().segments(MAIL))
    assert (session.peers.client, session.peers.server) == (CLIENT, SERVER)
    assert (session.messages, session.remarks) == ([MESSAGE], set())


@pytest.mark.parametrize("seed", range(10))
def test_any_order_of_packets_gives_the_same_messages(seed: int) -> None:
    """The handshake first; small segments, each up to thirty places off, some of them twice."""
    syn, syn_ack, *rest = Wire().segments(MAIL, size=20)
    chance = random.Random(seed)
    places = [(index + chance.uniform(0, 30), index) for index in range(len(rest))]
    places += [(place + chance.uniform(0, 30), index) for place, index in chance.sample(places, 10)]
    (session,) = sessions([syn, syn_ack, *(rest[index] for _, index in sorted(places))])
    assert session.messages == [MESSAGE]


def test_connections_are_kept_apart() -> None:
    one = Wire().segments(MAIL, size=50)
    other = Wire(client=Endpoint("2001:db8::1", 40000), server=Endpoint("2001:db8::25", 587)).segments(MAIL, size=50)
    mixed = [segment for pair in zip(one, other, strict=True) for segment in pair]
    assert [session.messages for session in sessions(mixed)] == [[MESSAGE], [MESSAGE]]


def test_the_same_two_ends_may_meet_again() -> None:
    again = Wire(first={"C": 5, "S": 6})
    assert len(sessions([*Wire().segments(MAIL), *again.segments(MAIL)])) == 2


def test_a_repeated_syn_is_no_new_connection() -> None:
    segments = Wire().segments(MAIL)
    assert len(sessions([segments[0], segments[0], *segments[1:]])) == 1


def test_another_port_is_told_by_the_first_words() -> None:
    (session,) = sessions(Wire(server=Endpoint("198.51.100.25", 10026)).segments(MAIL))
    assert session.messages == [MESSAGE]


def test_what_is_no_smtp_is_no_session() -> None:
    web = [("C", b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"), ("S", b"HTTP/1.1 200 OK\r\n\r\n")]
    assert sessions(Wire(server=Endpoint("198.51.100.25", 80)).segments(web)) == []
    ftp = [("S", b"220 files\r\n"), ("C", b"USER anonymous\r\n")]
    assert sessions(Wire(server=Endpoint("198.51.100.25", 21)).segments(ftp)) == []


def test_a_connection_in_which_nothing_is_said_is_no_session() -> None:
    assert sessions(Wire().segments([])) == []


def test_a_lost_syn_is_made_up_by_its_answer() -> None:
    (session,) = sessions(Wire().segments(MAIL)[1:])
    assert (session.messages, session.remarks) == ([MESSAGE], set())


@pytest.mark.parametrize("port", [25, 10026])
def test_a_capture_that_starts_in_the_middle_says_so(port: int) -> None:
    """The client is known by the port, or by what is said."""
    wire = Wire(server=Endpoint("198.51.100.25", port))
    (session,) = sessions(wire.segments(MAIL)[3:])
    assert session.peers.client == CLIENT
    assert session.messages == [MESSAGE]
    assert session.remarks == {Remark.STARTED_IN_THE_MIDDLE, Remark.SEARCHED, Remark.REPLIES_ASSUMED}


@pytest.mark.parametrize("side", [CLIENT, SERVER])
def test_one_side_only_is_said(side: Endpoint) -> None:
    (session,) = sessions(segment for segment in Wire().segments(MAIL) if segment.source == side)
    assert session.messages == ([MESSAGE] if side == CLIENT else [])
    assert Remark.UNENDED in session.remarks
    assert (Remark.REPLIES_ASSUMED if side == CLIENT else Remark.LOST) in session.remarks


def test_a_lost_segment_is_said() -> None:
    segments = Wire().segments(MAIL, size=60)
    lost = next(index for index, segment in enumerate(segments) if b"multipart" in segment.payload)
    (session,) = sessions([*segments[:lost], *segments[lost + 1 :]])
    assert len(session.messages) == 1
    assert Remark.LOST in session.remarks


def test_a_reset_ends_a_connection() -> None:
    segments = Wire().segments(MAIL, end=False)
    reset = Segment(CLIENT, SERVER, segments[-1].acknowledgement, 0, Flag.RST, b"")
    assert sessions([*segments, reset])[0].remarks == set()
    assert sessions(segments)[0].remarks == {Remark.UNENDED}
