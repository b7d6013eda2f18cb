"""Streaming: what the server has got before the outcome, and what becomes of it then."""

import pytest

from device.actions.outcome import Deliver, Refuse, Replace
from device.message.envelope import Envelope, Recipient
from device.smtp import answers, effects, events
from device.smtp.intake import Endpoint, Peers
from device.smtp.limits import SessionLimits
from device.smtp.reply import Reply
from device.smtp.second_delivery import Mail, SecondDelivery
from device.smtp.session import Session
from device.smtp.states import State
from device.smtp.streaming import STREAM_FROM, Delivery
from tests.playbook import PEERS, Play

LINE = b"." + b"x" * 61 + b"\r\n"
BODY = LINE * (STREAM_FROM // len(LINE) + 1)
TAIL = b"the end\r\n"
REFUSAL = Reply.of(554, "5.7.1 No")


def stuffed(content: bytes) -> bytes:
    return b"." + content.replace(b"\r\n.", b"\r\n..")


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
    made = offered().server(b"354 Go").to_server(stuffed(BODY))
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
    """The last piece and the end of data; the server's word is the client's."""
    made = ended(opened())
    made.happens(events.Decided(Deliver([BODY, TAIL]))).to_server(TAIL + b".\r\n")
    made.server(b"250 Taken").asks(effects.ToClient(b"250 Taken\r\n"), effects.SettleMessage(Reply.of(250, "Taken")))
    assert made.session.state is State.DIALOGUE


def test_an_outcome_that_comes_before_the_servers_354_waits_for_it() -> None:
    made = ended(offered())
    made.happens(events.Decided(Deliver([BODY, TAIL]))).asks()
    made.server(b"354 Go").to_server(stuffed(BODY) + TAIL + b".\r\n")
    made.server(b"250 Taken").asks(effects.ToClient(b"250 Taken\r\n"), effects.SettleMessage(Reply.of(250, "Taken")))


def test_malice_cuts_the_connection_and_the_replacement_takes_another_one() -> None:
    """Nothing of the message's end was sent; the client hears the server's word to the replacement, and may leave."""
    made = ended(opened())
    made.happens(events.Decided(Replace(b"q@example.net", b"Instead.\r\n")))
    mail = Mail(b"", b"c", b"MAIL FROM:<q@example.net>", (b"RCPT TO:<b@example.net>",), (b"Instead.\r\n",))
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
    mail = Mail(b"", b"c", b"MAIL FROM:<a@example.org>", (b"RCPT TO:<b@example.net>",), content)
    made.asks(effects.CutServer(), effects.SendAnew(mail))


def test_a_refusal_of_ours_cuts_the_connection() -> None:
    """RSET has no place in the middle of a body."""
    made = ended(opened())
    made.happens(events.Decided(Refuse(REFUSAL)))
    made.asks(effects.AbandonMessage(), effects.CutServer(), effects.ToClient(REFUSAL.wire()))


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


def replies(delivery: SecondDelivery, *lines: bytes) -> bytes:
    return b"".join(piece for line in lines for piece in delivery.receive(line + b"\r\n"))


def second() -> SecondDelivery:
    return SecondDelivery(Mail(b"", b"c", b"MAIL FROM:<>", (b"RCPT TO:<b@example.net>",), (b".x\r\n",)))


def test_a_second_delivery_says_one_thing_after_the_other() -> None:
    delivery = second()
    said = replies(delivery, b"220 hi", b"250-hi\r\n250 SIZE", b"250 ok", b"250 ok", b"354 go", b"250 taken")
    assert said == b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n..x\r\n.\r\nQUIT\r\n"
    assert (delivery.reply, delivery.sent, delivery.over) == (Reply.of(250, "taken"), True, True)


@pytest.mark.parametrize("accepted", range(5))
def test_the_first_refusal_ends_a_second_delivery_before_anything_is_sent(accepted: int) -> None:
    delivery = second()
    said = replies(delivery, *([b"250 ok"] * accepted), b"550 no", b"250 bye")
    assert said.endswith(b"QUIT\r\n")
    assert (delivery.reply, delivery.sent, delivery.over) == (Reply.of(550, "no"), False, True)


def test_a_server_that_speaks_no_smtp_has_said_nothing() -> None:
    delivery = second()
    assert replies(delivery, b"HTTP/1.1 400") == b""
    assert (delivery.reply, delivery.over) == (None, True)
