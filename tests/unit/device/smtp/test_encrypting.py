"""STARTTLS in the session: the server first, both sides afresh, nothing from before."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.smtp import effects, events
from device.smtp.encrypting import Starttls
from device.smtp.introduction import ClientAddress
from device.smtp.limits import SessionLimits
from device.smtp.session import Session
from device.smtp.states import State
from tests.playbook import PEERS, Play

OFFER = b"250-mail.example.net\r\n250-SIZE 1000\r\n250-STARTTLS\r\n250 PIPELINING\r\n"
INSIDE = b"250-mail.example.net\r\n250-SIZE 1000\r\n250-STARTTLS\r\n250-REQUIRETLS\r\n250 AUTH PLAIN\r\n"
INJECTED = effects.ToClient(b"421 4.7.0 Commands behind STARTTLS, closing connection\r\n")
CUT_OFF = effects.ToClient(b"421 4.3.0 Mail server not available, closing connection\r\n")
ENDED = (effects.CloseServer(), effects.CloseClient())


def asking(policy: Starttls = Starttls.INSPECT) -> Play:
    """The play up to the server's answer."""
    play = Play(Session(PEERS, SessionLimits(message_size=1000), ClientAddress.HIDDEN, policy))
    play.happens(events.ServerConnected(PEERS.server)).asks()
    play.server(b"220 hi").to_client(b"220 hi\r\n")
    play.client(b"EHLO c").to_server(b"EHLO c\r\n")
    play.happens(events.ServerBytes(OFFER)).to_client(OFFER)
    return play.client(b"STARTTLS").to_server(b"STARTTLS\r\n")


def secured(*, verified: bool = True) -> Play:
    """The play after both handshakes."""
    play = asking()
    play.server(b"220 go").asks(effects.ToClient(b"220 go\r\n"), effects.Encrypt())
    return play.happens(events.Secured(verified)).asks()


def test_the_client_is_told_to_begin_when_the_server_has_said_so() -> None:
    play = asking()
    play.server(b"220 go").asks(effects.ToClient(b"220 go\r\n"), effects.Encrypt())
    assert play.session.state is State.SECURING


def test_nobody_is_waited_for_by_the_sessions_clock_while_the_handshakes_have_their_own() -> None:
    play = asking()
    play.server(b"220 go").asks(effects.ToClient(b"220 go\r\n"), effects.Encrypt())
    assert (play.session.patience.client, play.session.patience.server) == (None, None)


def test_what_was_known_before_is_forgotten() -> None:
    """No MAIL parameter is known, nothing is pipelined, before EHLO has been said again."""
    play = secured()
    play.client(b"MAIL FROM:<a@example.org> SIZE=10").to_client(b"555 5.5.4 Parameter not recognized\r\n")
    play.client(b"RSET", b"RSET").to_server(b"RSET\r\n")
    play.server(b"250 ok").asks(effects.ToClient(b"250 ok\r\n"), effects.ToServer((b"RSET\r\n",)))


def test_a_transaction_from_before_is_over() -> None:
    play = Play(Session(PEERS, SessionLimits(), ClientAddress.HIDDEN, Starttls.INSPECT))
    play.happens(events.ServerConnected(PEERS.server)).asks()
    play.server(b"220 hi").to_client(b"220 hi\r\n")
    play.client(b"EHLO c").to_server(b"EHLO c\r\n")
    play.happens(events.ServerBytes(OFFER)).to_client(OFFER)
    play.client(b"MAIL FROM:<a@example.org>").to_server(b"MAIL FROM:<a@example.org>\r\n")
    play.server(b"250 ok").to_client(b"250 ok\r\n")
    play.client(b"STARTTLS").to_server(b"STARTTLS\r\n")
    play.server(b"220 go").asks(effects.ToClient(b"220 go\r\n"), effects.Encrypt())
    play.happens(events.Secured(verified=True)).asks()
    play.client(b"MAIL FROM:<other@example.org>").to_server(b"MAIL FROM:<other@example.org>\r\n")


@pytest.mark.parametrize("verified", [True, False])
def test_inside_of_tls_only_a_verified_server_requires_tls(verified: bool) -> None:
    play = secured(verified=verified)
    play.client(b"EHLO c").to_server(b"EHLO c\r\n")
    play.happens(events.ServerBytes(INSIDE))
    required = b"250-REQUIRETLS\r\n" if verified else b""
    play.to_client(b"250-mail.example.net\r\n250-SIZE 1000\r\n" + required + b"250 AUTH PLAIN\r\n")
    parameter = b"MAIL FROM:<a@example.org> REQUIRETLS"
    play.client(parameter)
    if verified:
        play.to_server(parameter + b"\r\n")
    else:
        play.to_client(b"555 5.5.4 Parameter not recognized\r\n")


def test_tls_begins_once() -> None:
    play = secured()
    play.client(b"STARTTLS").to_client(b"503 5.5.1 Bad sequence of commands\r\n")


@pytest.mark.parametrize("policy", [Starttls.INSPECT, Starttls.PASS])
@pytest.mark.parametrize("behind", [b"NOOP\r\n", b"N", b"\x16\x03\x01"])
def test_what_the_client_sends_before_the_220_ends_the_session(policy: Starttls, behind: bytes) -> None:
    """However late, and whether it is a whole command or a byte of one."""
    play = asking(policy)
    play.happens(events.ClientBytes(behind)).asks()
    play.server(b"220 go").asks(INJECTED, *ENDED)


@pytest.mark.parametrize("policy", [Starttls.INSPECT, Starttls.PASS])
@pytest.mark.parametrize("behind", [b"250 injected\r\n", b"250-", b"\x16\x03\x03"])
def test_what_the_server_sends_behind_its_220_ends_the_session(policy: Starttls, behind: bytes) -> None:
    play = asking(policy)
    play.happens(events.ServerBytes(b"220 go\r\n" + behind)).asks(CUT_OFF, *ENDED)


def test_a_server_that_is_not_secured_is_told_and_never_spoken_with_in_plain() -> None:
    play = asking()
    play.server(b"220 go").asks(effects.ToClient(b"220 go\r\n"), effects.Encrypt())
    told = effects.ToClient(b"421 4.7.5 Mail server can't be reached by trusted TLS, closing connection\r\n")
    play.happens(events.ServerNotSecured()).asks(told, *ENDED)


def test_a_client_that_is_gone_before_the_220_begins_nothing() -> None:
    play = asking()
    play.happens(events.ClientEnded()).asks()
    play.server(b"220 go").asks(effects.ToClient(b"220 go\r\n"), *ENDED)


def test_passed_bytes_are_handed_on_as_they_are() -> None:
    play = asking(Starttls.PASS)
    play.server(b"220 go").asks(effects.ToClient(b"220 go\r\n"), effects.Uninspected())
    play.happens(events.ClientBytes(b"\x16\x03")).to_server(b"\x16\x03")
    play.happens(events.ServerBytes(b"\x16\x02")).to_client(b"\x16\x02")
    assert play.session.hands_on


@pytest.mark.parametrize(
    "end",
    [events.ServerLost(), events.ServerSilent(), events.ClientEnded(), events.ClientLost(), events.ClientSilent()],
)
def test_no_word_of_ours_ends_a_passed_session(end: events.Event) -> None:
    play = asking(Starttls.PASS)
    play.server(b"220 go").asks(effects.ToClient(b"220 go\r\n"), effects.Uninspected())
    play.happens(end).asks(*ENDED)


def test_a_stop_waits_for_a_passed_session_until_the_grace_is_over() -> None:
    play = asking(Starttls.PASS)
    play.server(b"220 go").asks(effects.ToClient(b"220 go\r\n"), effects.Uninspected())
    play.happens(events.Stopping()).asks()
    play.happens(events.StopNow()).asks(*ENDED)


SAID = st.sampled_from(
    [
        *(
            events.ClientBytes(line)
            for line in (b"EHLO c\r\n", b"STARTTLS\r\n", b"NOOP\r\n", b"MAIL FROM:<a@b>\r\n", b"N", b"\n")
        ),
        *(events.ServerBytes(line) for line in (OFFER, INSIDE, b"220 go\r\n", b"250 ok\r\n", b"454 no\r\n", b"2")),
        events.Secured(verified=True),
        events.ServerNotSecured(),
        events.ClientEnded(),
        events.Stopping(),
    ]
)


@settings(max_examples=200)
@given(st.lists(SAID, max_size=30), st.sampled_from(Starttls))
def test_nothing_goes_to_the_server_between_plain_and_encrypted(said: list[events.Event], policy: Starttls) -> None:
    """Whatever is said in whatever order; the shell tells of handshakes only while there are some."""
    session = Session(PEERS, SessionLimits(message_size=1000), ClientAddress.HIDDEN, policy)
    session.handle(events.ServerConnected(PEERS.server))
    session.handle(events.ServerBytes(b"220 hi\r\n"))
    session.handle(events.ClientBytes(b"EHLO c\r\n"))
    session.handle(events.ServerBytes(OFFER))
    for event in said:
        shaking = session.state is State.SECURING
        if isinstance(event, events.Secured | events.ServerNotSecured) and not shaking:
            continue
        asked = session.handle(event)
        if shaking:
            assert not [effect for effect in asked if isinstance(effect, effects.ToServer)]
        if effects.Encrypt() in asked:
            assert asked[-1] == effects.Encrypt()
