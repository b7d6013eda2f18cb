"""Implicit TLS in the session: both handshakes before the greeting, and not a word in plain text (RFC 8314)."""

import pytest

from device.smtp import effects, events
from device.smtp.encrypting import Starttls
from device.smtp.introduction import ClientAddress
from device.smtp.limits import SessionLimits
from device.smtp.session import Session
from device.smtp.states import State
from tests.playbook import PEERS, Play

PROXY_LINE = b"PROXY TCP4 192.0.2.1 198.51.100.25 40000 25\r\n"
OFFER = b"250-mail.example.net\r\n250-STARTTLS\r\n250-REQUIRETLS\r\n250 PIPELINING\r\n"
ENDED = (effects.CloseServer(), effects.CloseClient())


def opening(policy: Starttls = Starttls.INSPECT, introduce: ClientAddress = ClientAddress.HIDDEN) -> Play:
    """The server is not there yet."""
    return Play(Session(PEERS, SessionLimits(), introduce, policy, implicit_tls=True))


def secured(introduce: ClientAddress = ClientAddress.HIDDEN) -> Play:
    """Both handshakes are over."""
    play = opening(introduce=introduce)
    play.happens(events.ServerConnected(PEERS.server)).asks(effects.Encrypt())
    return play.happens(events.Secured(verified=True)).asks()


def test_both_legs_are_encrypted_when_the_server_is_there_and_then_it_greets() -> None:
    play = secured()
    assert play.session.state is State.GREETING
    play.server(b"220 hi").to_client(b"220 hi\r\n")
    play.client(b"EHLO c").to_server(b"EHLO c\r\n")


def test_tls_does_not_begin_twice() -> None:
    """STARTTLS is neither offered nor taken; REQUIRETLS is relayed, since the server is verified."""
    play = secured()
    play.server(b"220 hi").to_client(b"220 hi\r\n")
    play.client(b"EHLO c").to_server(b"EHLO c\r\n")
    play.happens(events.ServerBytes(OFFER))
    play.to_client(b"250-mail.example.net\r\n250-REQUIRETLS\r\n250 PIPELINING\r\n")
    play.client(b"STARTTLS").to_client(b"503 5.5.1 Bad sequence of commands\r\n")


def test_the_proxy_header_stands_in_front_of_the_handshake() -> None:
    play = opening(introduce=ClientAddress.PROXY)
    play.happens(events.ServerConnected(PEERS.server))
    play.asks(effects.ToServer((PROXY_LINE,)), effects.Encrypt())


def test_xclient_is_said_inside_of_tls() -> None:
    play = secured(ClientAddress.XCLIENT)
    play.server(b"220 hi").to_server(b"EHLO srx.invalid\r\n")


def test_only_an_inspected_client_is_kept_waiting_for_the_handshake() -> None:
    assert opening().session.begins_in_tls
    assert not opening(Starttls.PASS).session.begins_in_tls
    assert not secured().session.begins_in_tls


def test_a_client_hears_of_a_server_that_is_away_inside_of_tls() -> None:
    play = opening()
    play.happens(events.ServerLost()).asks(effects.CloseServer(), effects.Encrypt())
    told = effects.ToClient(b"421 4.7.5 Mail server can't be reached by trusted TLS, closing connection\r\n")
    play.happens(events.ServerNotSecured()).asks(told, effects.CloseClient())


def test_what_passes_waits_for_the_server_and_goes_behind_the_proxy_header() -> None:
    play = opening(Starttls.PASS, ClientAddress.PROXY)
    play.happens(events.ClientBytes(b"\x16\x03")).asks()
    play.happens(events.ClientBytes(b"\x01")).asks()
    play.happens(events.ServerConnected(PEERS.server))
    header, hello = effects.ToServer((PROXY_LINE,)), effects.ToServer((b"\x16\x03\x01",))
    play.asks(header, effects.Uninspected(), hello)
    play.happens(events.ServerBytes(b"\x16\x02")).to_client(b"\x16\x02")
    play.happens(events.StopNow()).asks(*ENDED)


@pytest.mark.parametrize("policy", [Starttls.INSPECT, Starttls.PASS])
@pytest.mark.parametrize("end", [events.ClientLost(), events.StopNow()])
def test_no_word_in_plain_text_ends_a_session_that_has_not_begun(policy: Starttls, end: events.Event) -> None:
    opening(policy).happens(end).asks(*ENDED)


@pytest.mark.parametrize("end", [events.ClientEnded(), events.ServerLost()])
def test_nothing_passes_where_one_side_is_missing(end: events.Event) -> None:
    play = opening(Starttls.PASS)
    play.happens(end, events.ServerConnected(PEERS.server)).asks(*ENDED)


def test_nobody_is_waited_for_by_the_sessions_clock_before_the_greeting() -> None:
    """Connecting and the handshakes have their own."""
    for play in (opening(), opening(Starttls.PASS)):
        assert (play.session.patience.client, play.session.patience.server) == (None, None)
    assert secured().session.patience.server == SessionLimits().times.greeting
