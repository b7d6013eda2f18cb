"""Streaming: what the server has got before the outcome, and what becomes of it then."""

from collections.abc import Callable, Iterator

import pytest

from device.actions.outcome import Deliver, Refuse, Replace
from device.message.envelope import Envelope, Recipient
from device.smtp import answers, effects, events
from device.smtp.intake import Endpoint, Peers
from device.smtp.limits import SessionLimits, Times
from device.smtp.reply import Reply
from device.smtp.second_delivery import Mail, SecondDelivery
from device.smtp.session import Session
from device.smtp.states import State
from device.smtp.streaming import STREAM_FROM, WITHHELD, Delivery
from tests.playbook import PEERS, Play

LINE = b"." + b"x" * 61 + b"\r\n"
BODY = LINE * (STREAM_FROM // len(LINE) + 1)
TAIL = b"the end\r\n"
REFUSAL = Reply.of(554, "5.7.1 No")


def stuffed(content: bytes) -> bytes:
    return b"." + content.replace(b"\r\n.", b"\r\n..")


BEFORE = stuffed(BODY[:-WITHHELD])
"""What the server gets before the outcome,"""
REST = stuffed(BODY + TAIL).removeprefix(BEFORE) + b".\r\n"
"""and what after it."""


def play(delivery: Delivery = Delivery.STREAM) -> Play:
    """A session in the middle of a large body."""
    session = Session(PEERS, SessionLimits(), delivery=delivery)
    made = Play(session)
    made.happens(events.ServerConnected(Endpoint("198.51.100.25", 25))).asks()
    made.server(b"220 mail.example.net").to_client(b"220 mail.example.net\r\n")
    made.client(b"HELO c").to_server(b"HELO c\r\n")
    made.server(b"250 mail.example.net").to_client(b"250 mail.example.net\r\n")
    made.client(b"MAIL FROM:<a@example.org>").to_server(b"MAIL FROM:<a@example.org>\r\n")
    made.server(b"250 Ok").to_client(b"250 Ok\r\n")
    made.client(b"RCPT TO:<b@example.net>").to_server(b"RCPT TO:<b@example.net>\r\n")
    made.server(b"250 Ok").to_client(b"250 Ok\r\n")
    peers = Peers(PEERS.client, Endpoint("198.51.100.25", 25), b"c")
    made.client(b"DATA").asks(effects.ToClient(answers.GO_AHEAD.wire()), effects.BeginMessage(peers))
    made.happens(events.ClientBytes(stuffed(BODY)))
    return made


def asked() -> Play:
    """And the inspection is asked whether it may go on."""
    return play().asks(effects.FeedMessage(BODY), effects.AskToStream())


def offered() -> Play:
    """And it may."""
    made = asked().happens(events.MayStream([BODY])).to_server(b"DATA\r\n")
    assert made.session.crowded  # more of the message would only wait
    return made


def opened() -> Play:
    """And the server has said 354."""
    made = offered().server(b"354 Go").to_server(BEFORE)
    assert not made.session.crowded
    return made


def ended(made: Play) -> Play:
    """The client has sent the end of it."""
    envelope = Envelope(b"a@example.org", (Recipient(b"b@example.net", ()),), ())
    made.client(TAIL[:-2], b".").asks(effects.FeedMessage(TAIL), effects.ConcludeMessage(envelope))
    return made


def test_nothing_is_asked_where_messages_are_held() -> None:
    play(Delivery.HOLD).asks(effects.FeedMessage(BODY))


def test_the_end_is_all_that_waits_for_the_outcome() -> None:
    """The last bytes and the end of data; the server's word is the client's."""
    made = ended(opened())
    made.happens(events.Decided(Deliver([BODY, TAIL]))).to_server(REST)
    made.server(b"250 Taken").asks(effects.ToClient(b"250 Taken\r\n"), effects.SettleMessage(Reply.of(250, "Taken")))
    assert made.session.state is State.DIALOGUE


def test_an_outcome_that_comes_before_the_servers_354_waits_for_it() -> None:
    made = ended(offered())
    made.happens(events.Decided(Deliver([BODY, TAIL]))).asks()
    made.server(b"354 Go").to_server(BEFORE + REST)
    made.server(b"250 Taken").asks(effects.ToClient(b"250 Taken\r\n"), effects.SettleMessage(Reply.of(250, "Taken")))


def test_malice_cuts_the_connection_and_the_replacement_takes_another_one() -> None:
    """Nothing of the message's end was sent; the client hears the server's word to the replacement, and may leave."""
    made = ended(opened())
    made.happens(events.Decided(Replace(b"q@example.net", b"Instead.\r\n")))
    mail = Mail(b"", b"HELO c", b"MAIL FROM:<q@example.net>", (b"RCPT TO:<b@example.net>",), (b"Instead.\r\n",))
    made.asks(effects.CutServer(), effects.SendAnew(mail))
    made.happens(events.SentAnew(Reply.of(250, "Taken"), sent=True))
    made.asks(effects.SettleMessage(Reply.of(250, "Taken")), effects.ToClient(b"250 Taken\r\n"))
    made.client(b"NOOP", b"QUIT").asks(
        effects.ToClient(answers.DONE.wire() + answers.GOODBYE.wire()), effects.CloseClient()
    )


def test_a_changed_message_takes_another_connection_with_its_own_envelope() -> None:
    """The policy changed to tagging meanwhile."""
    made = ended(opened())
    content = [b"X-Spam-Flag: YES\r\n", BODY, TAIL]
    made.happens(events.Decided(Deliver(content, changed=True)))
    mail = Mail(b"", b"HELO c", b"MAIL FROM:<a@example.org>", (b"RCPT TO:<b@example.net>",), content)
    made.asks(effects.CutServer(), effects.SendAnew(mail))


def test_a_refusal_of_ours_cuts_the_connection() -> None:
    """RSET has no place in the middle of a body."""
    made = ended(opened())
    made.happens(events.Decided(Refuse(REFUSAL)))
    made.asks(effects.AbandonMessage(), effects.CutServer(), effects.ToClient(REFUSAL.wire()))


@pytest.mark.parametrize("begun", [offered, opened])
def test_a_client_that_was_refused_is_read_until_it_leaves(begun: Callable[[], Play]) -> None:
    """Also where the server had not answered DATA yet: nobody waits for its answer any more."""
    made = ended(begun()).happens(events.Decided(Refuse(REFUSAL)))
    made.asked.clear()
    assert not made.session.crowded
    made.client(b"QUIT").asks(effects.ToClient(answers.GOODBYE.wire()), effects.CloseClient())


def test_a_spoilt_body_cuts_the_connection_when_it_is_read_to_its_end() -> None:
    made = opened().happens(events.ClientBytes(b"\n.\r\n")).asks(effects.AbandonMessage())
    made.client(b".").asks(effects.CutServer(), effects.ToClient(answers.BARE_LINE_END.wire()))


def test_a_client_with_another_message_has_to_come_again() -> None:
    """421: there is no server any more that could take it."""
    made = ended(opened()).happens(events.Decided(Refuse(REFUSAL)))
    made.asked.clear()
    made.client(b"MAIL FROM:<a@example.org>").asks(effects.ToClient(answers.OVER.wire()), effects.CloseClient())


@pytest.mark.parametrize("sent", [True, False])
def test_a_second_delivery_without_a_word_is_421(*, sent: bool) -> None:
    """Once all was sent, the server may have it: unsettled means held. Before, nobody has it."""
    made = ended(opened())
    made.happens(events.Decided(Replace(b"q@example.net", b"Instead.\r\n")))
    made.asked.clear()
    made.happens(events.SentAnew(None, sent=sent))
    word = effects.SettleMessage(None) if sent else effects.AbandonMessage()
    assert word in made.asked
    assert effects.ToClient(answers.SERVER_LOST.wire()) in made.asked


def test_a_message_that_inspection_wants_held_is_held() -> None:
    made = ended(asked().happens(events.MayStream(None)).asks())
    made.happens(events.Decided(Deliver([BODY, TAIL]))).to_server(b"DATA\r\n")


def test_a_server_that_refuses_data_is_heard_at_the_end() -> None:
    """The client would not listen before; RSET brings both sides together."""
    made = offered().server(b"452 Full").asks()
    ended(made).happens(events.Decided(Deliver([BODY, TAIL]))).to_server(b"RSET\r\n")
    made.server(b"250 Ok").asks(effects.ToClient(b"452 Full\r\n"), effects.SettleMessage(Reply.of(452, "Full")))


def test_a_server_that_refused_data_may_still_get_a_replacement() -> None:
    made = offered().server(b"452 Full").asks()
    ended(made).happens(events.Decided(Replace(b"q@example.net", b"Instead.\r\n"))).to_server(b"RSET\r\n")


def test_no_noop_goes_into_a_body() -> None:
    assert not opened().session.holding


def test_a_client_that_leaves_takes_its_message_with_it() -> None:
    """The server never gets an end of data."""
    opened().happens(events.ClientLost()).asks(effects.AbandonMessage(), effects.CloseServer(), effects.CloseClient())


def test_the_last_read_of_a_fast_client_waits_for_the_outcome_too() -> None:
    """A read is up to 256 KiB, and may have the end of data behind it."""
    made = opened().happens(events.ClientBytes(b"y" * 40_000 + b"\r\n.\r\n"))
    sent = b"".join(b"".join(each.pieces) for each in made.asked if isinstance(each, effects.ToServer))
    assert sent.count(b"y") == 40_000 + len(b"\r\n") - WITHHELD


@pytest.mark.parametrize("begun", [offered, opened])
def test_a_lost_server_leaves_no_client_unread(begun: Callable[[], Play]) -> None:
    """It is told at the end of its message, and read until then."""
    session = begun().happens(events.ServerLost()).session
    assert not session.crowded
    assert not session.hands_on
    assert session.state is State.DISCARDING


def test_a_server_that_answers_data_with_nonsense_is_lost_and_its_client_told_at_the_end() -> None:
    """No reply of ours goes into a body."""
    made = offered().server(b"250 What").asks(effects.CloseServer(), effects.AbandonMessage())
    made.client(b"x", b".").asks(effects.ToClient(answers.SERVER_LOST.wire()), effects.CloseClient())


def test_a_server_that_does_not_answer_data_is_silent_before_its_client_is() -> None:
    """The client is not read meanwhile."""
    patience = offered().session.patience
    assert (patience.client, patience.server) == (None, Times().data_initiation)


def replies(delivery: SecondDelivery, *lines: bytes) -> bytes:
    return b"".join(piece for line in lines for piece in delivery.receive(line + b"\r\n"))


def second() -> SecondDelivery:
    return SecondDelivery(Mail(b"", b"EHLO c", b"MAIL FROM:<>", (b"RCPT TO:<b@example.net>",), (b".x\r\n",)))


def test_a_second_delivery_says_one_thing_after_the_other() -> None:
    delivery = second()
    said = replies(delivery, b"220 hi", b"250-hi\r\n250 SIZE", b"250 ok", b"250 ok", b"354 go", b"250 taken")
    assert said == b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n..x\r\n.\r\nQUIT\r\n"
    assert (delivery.reply, delivery.sent, delivery.over) == (Reply.of(250, "taken"), True, True)


@pytest.mark.parametrize("accepted", range(2, 5))
def test_the_first_refusal_ends_a_second_delivery_before_anything_is_sent(accepted: int) -> None:
    delivery = second()
    said = replies(delivery, *([b"250 ok"] * accepted), b"550 no", b"250 bye")
    assert said.endswith(b"QUIT\r\n")
    assert (delivery.reply, delivery.sent, delivery.over) == (Reply.of(550, "no"), False, True)


NO_WORD = {
    "a refused greeting says nothing of the message": (b"554 no",),
    "nor does a refused EHLO": (b"220 hi", b"502 what"),
    "250 to DATA takes nothing": (b"220 hi", b"250 ok", b"250 ok", b"250 ok", b"250 ok"),
    "354 to the content": (b"220 hi", b"250 ok", b"250 ok", b"250 ok", b"354 go", b"354 go"),
    "a reply to content that was not sent": (b"220 hi", b"250 ok", b"250 ok", b"250 ok", b"354 go\r\n250 taken"),
    "no SMTP": (b"HTTP/1.1 400",),
}


@pytest.mark.parametrize("said", NO_WORD.values(), ids=NO_WORD)
def test_a_server_that_makes_no_sense_has_said_nothing(said: tuple[bytes, ...]) -> None:
    """Rule: anything but 354, 4xx or 5xx to DATA is 421 for the client, never an acceptance."""
    delivery = second()
    replies(delivery, *said)
    assert (delivery.reply, delivery.over) == (None, True)


def test_a_second_delivery_reads_its_content_a_piece_at_a_time() -> None:
    """A message on disk is not in memory at once; and what can't be read is not sent."""

    def content() -> Iterator[bytes]:
        yield b"one\r\n"
        raise OSError("the disk is gone")

    delivery = SecondDelivery(Mail(b"", b"EHLO c", b"MAIL FROM:<>", (), content()))
    replies(delivery, b"220 hi", b"250 ok", b"250 ok")
    pieces = iter(delivery.receive(b"354 go\r\n"))
    assert next(pieces) == b"one\r\n"
    with pytest.raises(OSError, match="gone"):
        next(pieces)
    assert not delivery.sent
