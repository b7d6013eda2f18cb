"""Sessions as scripts: what happens, and what is asked for then."""

import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.actions.outcome import Deliver, Refuse, Replace
from device.message.envelope import Envelope, Recipient
from device.smtp import effects, events
from device.smtp.introduction import ClientAddress
from device.smtp.limits import SessionLimits
from device.smtp.reply import Reply
from device.smtp.session import Session
from device.smtp.states import State
from tests.playbook import EHLO_REPLY, PEERS, Play, addressed, coalesced, opened

ENVELOPE = Envelope(b"a@example.org", (Recipient(b"b@example.net"),))
GO_AHEAD = effects.ToClient(b"354 End data with <CR><LF>.<CR><LF>\r\n")
SERVER_LOST = effects.ToClient(b"421 4.3.0 Mail server not available, closing connection\r\n")
AS_EHLO_SAID = dataclasses.replace(PEERS, greeting_name=b"c")


def concluded() -> Play:
    """The play up to the decision about a message."""
    play = addressed(Play())
    play.client(b"DATA").asks(GO_AHEAD, effects.BeginMessage(AS_EHLO_SAID))
    return play.client(b"hello", b".").asks(effects.FeedMessage(b"hello\r\n"), effects.ConcludeMessage(ENVELOPE))


def test_the_server_is_greeted_by_nobody_before_it_greets() -> None:
    play = Play()
    play.happens(events.ClientBytes(b"NOOP\r\n")).asks()
    play.happens(events.ServerConnected(PEERS.server)).asks()
    play.server(b"220 hi").asks(effects.ToClient(b"220 hi\r\n"), effects.ToServer((b"NOOP\r\n",)))


def test_a_delivered_message_and_its_terminator_are_one_send() -> None:
    """Nagle and delayed acknowledgements cost 40 ms where they are two."""
    play = concluded()
    play.happens(events.Decided(Deliver([b"hello\r\n"]))).to_server(b"DATA\r\n")
    asked = play.session.handle(events.ServerBytes(b"354 go\r\n"))
    (sent,) = asked
    assert isinstance(sent, effects.ToServer)
    assert list(sent.pieces) == [b"hello\r\n", b".\r\n"]


def test_the_client_hears_before_the_message_is_settled() -> None:
    play = concluded()
    play.happens(events.Decided(Deliver([b"hello\r\n"]))).to_server(b"DATA\r\n")
    play.server(b"354 go").to_server(b"hello\r\n.\r\n")
    reply = Reply(250, (b"taken",))
    play.server(b"250 taken").asks(effects.ToClient(b"250 taken\r\n"), effects.SettleMessage(reply))


def test_before_every_final_reply_of_its_own_reset_gets_250() -> None:
    play = concluded()
    play.happens(events.Decided(Refuse(Reply.of(554, "5.7.1 no"))))
    play.asks(effects.AbandonMessage(), effects.ToServer((b"RSET\r\n",)))
    play.server(b"250 ok").to_client(b"554 5.7.1 no\r\n")


def test_a_replacement_is_a_transaction_of_its_own() -> None:
    play = concluded()
    play.happens(events.Decided(Replace(b"", b"sorry\r\n"))).to_server(b"RSET\r\n")
    play.server(b"250 ok").to_server(b"MAIL FROM:<>\r\n")
    play.server(b"250 ok").to_server(b"RCPT TO:<b@example.net>\r\n")
    play.server(b"250 ok").to_server(b"DATA\r\n")
    play.server(b"354 go").to_server(b"sorry\r\n.\r\n")
    reply = Reply(250, (b"taken",))
    play.server(b"250 taken").asks(effects.ToClient(b"250 taken\r\n"), effects.SettleMessage(reply))


def test_the_server_is_kept_awake_while_it_waits_and_asked_in_order() -> None:
    """DATA waits for NOOP's reply, since NOOP ends a pipelined group."""
    play = concluded()
    assert play.session.holding
    play.happens(events.KeepaliveDue()).to_server(b"NOOP\r\n")
    play.happens(events.Decided(Deliver([b"hello\r\n"]))).asks()
    play.server(b"250 ok").to_server(b"DATA\r\n")


def test_a_decision_that_comes_too_late_changes_nothing() -> None:
    play = concluded()
    play.happens(events.ClientLost()).asks(effects.AbandonMessage(), effects.CloseServer(), effects.CloseClient())
    play.happens(events.Decided(Deliver([b"hello\r\n"]))).asks()


def test_a_client_lost_after_the_final_dot_does_not_stop_the_settlement() -> None:
    play = concluded()
    play.happens(events.Decided(Deliver([b"hello\r\n"]))).to_server(b"DATA\r\n")
    play.server(b"354 go").to_server(b"hello\r\n.\r\n")
    play.happens(events.ClientLost()).asks()
    play.server(b"250 taken").asks(
        effects.SettleMessage(Reply(250, (b"taken",))), effects.CloseServer(), effects.CloseClient()
    )


def test_stopping_waits_for_the_transaction() -> None:
    play = concluded()
    play.happens(events.Stopping()).asks()
    play.happens(events.Decided(Refuse(Reply.of(554, "5.7.1 no"))))
    play.asks(effects.AbandonMessage(), effects.ToServer((b"RSET\r\n",)))
    play.server(b"250 ok").asks(
        effects.ToClient(b"554 5.7.1 no\r\n421 4.3.2 Service shutting down, closing connection\r\n"),
        effects.CloseServer(),
        effects.CloseClient(),
    )


def test_the_time_for_stopping_ends() -> None:
    play = concluded()
    play.happens(events.Stopping(), events.StopNow()).asks(
        effects.ToClient(b"421 4.3.2 Service shutting down, closing connection\r\n"),
        effects.AbandonMessage(),
        effects.CloseServer(),
        effects.CloseClient(),
    )


def test_input_that_waits_is_bounded() -> None:
    play = concluded()
    assert not play.session.crowded
    play.happens(events.ClientBytes(b"NOOP\r\n" * 20_000)).asks()
    assert play.session.crowded


def test_pipelining_is_used_upstream_and_bounded() -> None:
    play = opened(Play())
    play.client(*(b"RCPT TO:<%d@example.net>" % number for number in range(150)))
    (sent,) = play.asked
    assert isinstance(sent, effects.ToServer)
    assert b"".join(sent.pieces).count(b"RCPT") == 100


@pytest.mark.parametrize(
    ("header", "means"),
    [
        (b"PROXY TCP4 192.0.2.1 198.51.100.25 40000 25\r\n", ClientAddress.PROXY),
        (
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([192, 0, 2, 1, 198, 51, 100, 25]) + b"\x9c\x40\0\x19",
            ClientAddress.PROXY_V2,
        ),
    ],
)
def test_the_proxy_header_goes_before_everything(header: bytes, means: ClientAddress) -> None:
    play = Play(Session(PEERS, SessionLimits(), means))
    play.happens(events.ServerConnected(PEERS.server)).to_server(header)


def test_patience_is_what_rfc_5321_asks_for() -> None:
    play = opened(Play())
    assert (play.session.patience.client, play.session.patience.server) == (300.0, None)
    play.client(b"NOOP").to_server(b"NOOP\r\n")
    assert (play.session.patience.client, play.session.patience.server) == (None, 300.0)
    play = addressed(Play())
    play.client(b"DATA").asks(GO_AHEAD, effects.BeginMessage(AS_EHLO_SAID))
    assert play.session.patience.client == 180.0
    play = concluded()
    assert (play.session.patience.client, play.session.patience.server) == (None, None)
    play.happens(events.Decided(Deliver([b"hello\r\n"]))).to_server(b"DATA\r\n")
    assert play.session.patience.server == 120.0
    play.server(b"354 go").to_server(b"hello\r\n.\r\n")
    assert play.session.patience.server == 600.0


def test_a_server_that_never_answered_is_one_that_died() -> None:
    Play().happens(events.ServerLost()).asks(SERVER_LOST, effects.CloseServer(), effects.CloseClient())


DIALOGUE = [
    (b"", b"220 hi\r\n"),
    (b"EHLO c\r\n", EHLO_REPLY),
    (
        b"MAIL FROM:<a@example.org> SIZE=20\r\nRCPT TO:<b@example.net>\r\nXX\r\nRCPT TO:<c@example.net>\r\n",
        b"250 1\r\n250 2\r\n550 3\r\n",
    ),
    (b"DATA\r\nSubject: x\r\n\r\n..dot\r\n.\0.a\n..\r\n.\r\n", b""),
]
MORE = [
    (b"", b"354 go\r\n"),
    (b"", b"250-taken\r\n250 really\r\n"),
    (b"MAIL FROM:<>\r\nRCPT TO:<b@example.net>\r\n", b"250 4\r\n250 5\r\n"),
    (b"BDAT 5\r\na\r\n.\rBDAT 3 LAST\r\n\nb\nNOO", b""),
]
END = [(b"P\r\nQUIT\r\nRSET\r\n", b"250 6\r\n"), (b"", b"221 bye\r\n")]


def played(cut: "itertools.cycle[int]") -> list[effects.Effect]:
    """The whole dialogue, every piece of bytes cut up."""
    session = Session(PEERS, SessionLimits(message_size=1000))
    asked = session.handle(events.ServerConnected(PEERS.server))
    for part, outcome in (
        (DIALOGUE, Deliver([b"Subject: x\r\n\r\n.dot\r\n"])),
        (MORE, Deliver([b"a\r\n"])),
        (END, None),
    ):
        for client, server in part:
            asked += [each for piece in pieces(client, cut) for each in session.handle(events.ClientBytes(piece))]
            asked += [each for piece in pieces(server, cut) for each in session.handle(events.ServerBytes(piece))]
        if outcome is not None:
            asked += session.handle(events.Decided(outcome))
    return asked


def pieces(data: bytes, cut: "itertools.cycle[int]") -> list[bytes]:
    out = []
    while data:
        size = next(cut)
        out.append(data[:size])
        data = data[size:]
    return out


def by_place(asked: list[effects.Effect]) -> list[list[effects.Effect]]:
    """What went to the client, to the server and to the intake: how these interleave hangs on who spoke first."""
    kinds = (effects.ToClient, effects.ToServer)
    both = [coalesced(each for each in asked if isinstance(each, kind)) for kind in kinds]
    return [*both, coalesced(each for each in asked if not isinstance(each, kinds))]


@settings(max_examples=150)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_any_cutting_of_the_bytes_gives_the_same_effects(sizes: list[int]) -> None:
    """Whole, byte by byte, or anyhow."""
    whole = by_place(played(itertools.cycle([10_000])))
    assert by_place(played(itertools.cycle(sizes))) == whole
    assert by_place(played(itertools.cycle([1]))) == whole


@settings(max_examples=200)
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=60)), max_size=20))
def test_no_bytes_of_either_side_break_a_session(spoken: list[tuple[bool, bytes]]) -> None:
    """Whatever comes, the session answers with effects, and never with an exception."""
    session = Session(PEERS, SessionLimits(message_size=1000))
    session.handle(events.ServerConnected(PEERS.server))
    session.handle(events.ServerBytes(b"220 hi\r\n"))
    for of_client, data in spoken:
        session.handle(events.ClientBytes(data) if of_client else events.ServerBytes(data))


COMMANDS = st.sampled_from(
    b"EHLO c|HELO c|MAIL FROM:<a@b>|RCPT TO:<c@d>|DATA|x|.|..|\n.|RSET|QUIT|NOOP|BDAT 4|BDAT 2 LAST|BDAT 0 LAST|BDAT x|"
    b"AUTH PLAIN|*|VRFY x|XX".split(b"|")
)
REPLIES = st.sampled_from(
    [b"250 ok", EHLO_REPLY[:-2], b"250 AUTH PLAIN", b"354 go", b"334 ", b"550 no", b"421 bye", b"450 later"]
)
HAPPENINGS = st.one_of(
    COMMANDS.map(lambda line: events.ClientBytes(line + b"\r\n")),
    COMMANDS.map(lambda line: events.ClientBytes(line + b"\r\n")),
    REPLIES.map(lambda line: events.ServerBytes(line + b"\r\n")),
    REPLIES.map(lambda line: events.ServerBytes(line + b"\r\n")),
    st.sampled_from(
        [
            events.KeepaliveDue(),
            events.ClientEnded(),
            events.ClientLost(),
            events.ServerLost(),
            events.Stopping(),
            events.Decided(Deliver([b"x\r\n"])),
            events.Decided(Refuse(Reply.of(554, "5.7.1 no"))),
            events.Decided(Replace(b"", b"y\r\n")),
        ]
    ),
)


@settings(max_examples=400)
@given(st.lists(HAPPENINGS, max_size=60))
def test_every_message_has_one_end(what: list[events.Event]) -> None:
    """Each BeginMessage is followed by exactly one of SettleMessage and AbandonMessage, whatever happens in whatever order."""
    session = Session(PEERS, SessionLimits(message_size=1000))
    open_messages = 0
    asked = session.handle(events.ServerConnected(PEERS.server)) + session.handle(events.ServerBytes(b"220 hi\r\n"))
    for event in [*what, events.StopNow()]:
        asked += session.handle(event)
    for effect in asked:
        match effect:
            case effects.BeginMessage():
                open_messages += 1
            case effects.SettleMessage() | effects.AbandonMessage():
                open_messages -= 1
        assert open_messages in (0, 1)
    assert open_messages == 0
    assert session.state is State.CLOSED
