"""One inspected session without any input or output: an event comes in, effects go out.

    ClientBytes ──► Downstream ──► Dialogue (commands) ──► Upstream ──► ToServer
                              └──► Body (DATA, BDAT) ──► FeedMessage … ConcludeMessage
    Decided ──────► Outgoing (deliver, replace, refuse) ──► ToServer
    ServerBytes ──► Upstream ──► whoever asked ──► Downstream ──► ToClient

The same bytes give the same effects, however they are cut into events. states.py has the table of what may follow what.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final

from device.smtp import answers, events
from device.smtp import limits as caps
from device.smtp.body import Body
from device.smtp.dialogue import Dialogue
from device.smtp.downstream import Presence
from device.smtp.effects import Effect
from device.smtp.encrypting import Encrypting, Starttls
from device.smtp.exchange import Exchange
from device.smtp.grammar import BadReply
from device.smtp.greeting import Greeting
from device.smtp.intake import Peers
from device.smtp.introduction import ClientAddress
from device.smtp.limits import SessionLimits
from device.smtp.outgoing import Outgoing
from device.smtp.reply import Reply
from device.smtp.states import BODY, COMMANDS, HELD, State
from device.smtp.streaming import Delivery, Streaming
from device.smtp.upstream import UnaskedReply

RECEIVING: Final = BODY | {State.BETWEEN_CHUNKS}
UNDER_WAY: Final = {State.ANSWERING, State.RESENDING}
LISTENING: Final = COMMANDS | {State.AUTHENTICATING, State.PARTING}


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that each side is waited for; None: as long as it takes."""

    client: float | None
    server: float | None


class Session:
    """The dialogue of one client with one server. Effects come in the order in which they are to be done."""

    def __init__(
        self,
        peers: Peers,
        limits: SessionLimits,
        introduce: ClientAddress = ClientAddress.HIDDEN,
        starttls: Starttls = Starttls.STRIP,
        *,
        implicit_tls: bool = False,
        delivery: Delivery = Delivery.HOLD,
    ) -> None:
        state = State.OPENING if implicit_tls else State.GREETING
        self._exchange = exchange = Exchange(peers, limits, state)
        exchange.repeatable = introduce is not ClientAddress.XCLIENT
        self._streams = delivery is Delivery.STREAM
        self._streaming = Streaming(exchange, delivery)
        self._outgoing = Outgoing(exchange, self._streaming, introduce)
        self._body = Body(exchange, self._outgoing.refuse, self._streaming)
        self._encrypting = Encrypting(exchange, starttls, implicit=implicit_tls)
        self._dialogue = Dialogue(exchange, self._body, self._encrypting)
        self._introduce = introduce
        self._stopping = False

    def handle(self, event: events.Event) -> list[Effect]:
        """What has to be done now that this has happened."""
        exchange = self._exchange
        if exchange.state is State.PASSING:
            self._encrypting.pass_on(event)
        elif exchange.state is not State.CLOSED:
            self._happenings[type(event)](self, event)
            self._advance()
        done = exchange.effects.copy()
        exchange.effects.clear()
        return done

    @property
    def state(self) -> State:
        """Where the session is."""
        return self._exchange.state

    @property
    def begins_in_tls(self) -> bool:
        """Whether the client's first bytes are TLS that ends at the device: they wait for effects.Encrypt."""
        return self._exchange.state is State.OPENING and self._encrypting.inspects

    @property
    def crowded(self) -> bool:
        """Whether so much of the client's input waits for its turn that more is not welcome."""
        downstream = self._exchange.downstream
        if not downstream.may_be_crowded and not self._streams:
            return False
        return downstream.waiting > caps.INPUT_AHEAD or self._streaming.jammed

    @property
    def holding(self) -> bool:
        """Whether the server waits in an open transaction and has to be kept from giving up."""
        exchange = self._exchange
        return exchange.state in HELD and not exchange.upstream.lost and not self._streaming.begun

    @property
    def hands_on(self) -> bool:
        """Whether the client's bytes go on as they come, so that a slow server has to slow its client down."""
        return self._exchange.state is State.PASSING or self._streaming.open

    @property
    def receiving(self) -> bool:
        """Whether a message is on its way in: there is a limit to all of it, too."""
        return self._exchange.state in RECEIVING

    @property
    def patience(self) -> Patience:
        """How long either side may stay silent from now on (RFC 5321, 4.5.3.2)."""
        times, state = self._exchange.limits.times, self._exchange.state
        if self._streaming.jammed:
            client: float | None = None
        elif state in BODY:
            client = times.data_block
        elif state is State.PASSING:
            client = times.data_termination
        elif self._exchange.downstream.settled and state in LISTENING:
            client = times.command
        else:
            client = None
        return Patience(client, self._server_patience())

    def _server_patience(self) -> float | None:
        times = self._exchange.limits.times
        if self._exchange.upstream.idle:
            return None
        if self._streaming.jammed:
            return times.data_initiation
        match self._exchange.state:
            case State.GREETING:
                return times.greeting
            case State.OFFERING:
                return times.data_initiation
            case State.ANSWERING:
                return times.data_termination
            case _:
                return times.command

    def _client_sent(self, event: events.ClientBytes) -> None:
        self._exchange.downstream.receive(event.data)

    def _server_sent(self, event: events.ServerBytes) -> None:
        exchange = self._exchange
        try:
            exchange.upstream.receive(event.data)
        except UnaskedReply as unasked:
            if unasked.reply.code == 421 and exchange.state in COMMANDS:
                exchange.close(unasked.reply)
            else:
                self._lose_server("server.unexpected-reply")
        except BadReply:
            self._lose_server("server.bad-reply")

    def _server_came(self, event: events.ServerConnected) -> None:
        exchange = self._exchange
        exchange.peers = Peers(exchange.peers.client, event.server, exchange.peers.greeting_name)
        greeting = Greeting(exchange, self._introduce)
        greeting.present_client()
        if exchange.state is State.OPENING:
            self._encrypting.begin_first()
        else:
            greeting.expect()

    def _server_left(self, _event: events.ServerLost) -> None:
        self._lose_server("server.lost")

    def _server_silent(self, _event: events.ServerSilent) -> None:
        self._lose_server("server.silent")

    def _client_ended(self, _event: events.ClientEnded) -> None:
        """EOF is a half-close: what was sent goes on."""
        self._exchange.downstream.presence = Presence.ENDED

    def _client_lost(self, _event: events.ClientLost) -> None:
        """With a client that is gone only a message goes on that the server has."""
        self._exchange.downstream.presence = Presence.GONE

    def _client_silent(self, _event: events.ClientSilent) -> None:
        self._exchange.note("client.silent", answers.CLIENT_SILENT)
        self._exchange.close(answers.CLIENT_SILENT)

    def _tls_came(self, event: events.Secured | events.ServerNotSecured) -> None:
        self._encrypting.done(event)
        if self._exchange.state is State.GREETING:
            Greeting(self._exchange, self._introduce).expect()

    def _may_stream(self, event: events.MayStream) -> None:
        if self._exchange.state is State.DATA:
            self._streaming.begin_with(event.pieces, self._stream_opened)

    def _stream_opened(self, reply: Reply) -> None:
        """The server's word to an early DATA; nonsense is a server that is lost, and a client in its body is told at the end."""
        if reply.code == 354 or reply.code >= 400:
            self._outgoing.stream_opened(reply)
        else:
            self._lose_server("server.unexpected-reply")

    def _sent_anew(self, event: events.SentAnew) -> None:
        self._outgoing.sent_anew(event.reply, sent=event.sent)

    def _decided(self, event: events.Decided) -> None:
        self._outgoing.decided(event.outcome)

    def _keep_alive(self, _event: events.KeepaliveDue) -> None:
        if self.holding and self._exchange.upstream.idle:
            self._exchange.upstream.ask((b"NOOP\r\n",), self._alive)

    def _stop(self, _event: events.Stopping) -> None:
        self._stopping = True

    def _stop_now(self, _event: events.StopNow) -> None:
        self._exchange.close(answers.STOPPING)

    _happenings: ClassVar[Mapping[type, Callable[["Session", Any], None]]] = MappingProxyType(
        {
            events.ServerConnected: _server_came,
            events.ServerBytes: _server_sent,
            events.ServerLost: _server_left,
            events.ServerSilent: _server_silent,
            events.ClientBytes: _client_sent,
            events.ClientEnded: _client_ended,
            events.ClientLost: _client_lost,
            events.ClientSilent: _client_silent,
            events.Secured: _tls_came,
            events.ServerNotSecured: _tls_came,
            events.Decided: _decided,
            events.MayStream: _may_stream,
            events.SentAnew: _sent_anew,
            events.KeepaliveDue: _keep_alive,
            events.Stopping: _stop,
            events.StopNow: _stop_now,
        }
    )
    """What each event means: one look-up, where a match would try one class after the other."""

    def _advance(self) -> None:
        """Lets the client's input go on as far as it can, and ends what has come to its end."""
        exchange = self._exchange
        presence = exchange.downstream.presence
        if presence is Presence.GONE and exchange.state not in UNDER_WAY:
            exchange.close()
        if exchange.downstream.waiting or exchange.state is State.CHUNK:  # a chunk of nothing ends without input
            while self._step():
                pass
        if presence is Presence.ENDED:
            self._end_of_client()
        elif self._stopping and self._awaits_client and exchange.transaction.mail_from is None:
            exchange.close(answers.STOPPING)

    def _step(self) -> bool:
        state = self._exchange.state
        if state in COMMANDS:
            return self._dialogue.step()
        if state in BODY:
            return self._body.step()
        if state is State.PARTING:
            return self._dialogue.step_parting()
        return state is State.AUTHENTICATING and self._dialogue.step_authentication()

    def _end_of_client(self) -> None:
        """The client sends no more: a body that isn't whole never will be, and an idle session is over."""
        if self._exchange.state in BODY:
            self._exchange.close(answers.CLIENT_ENDED)
        elif self._awaits_client:
            self._exchange.close()

    @property
    def _awaits_client(self) -> bool:
        """Whether nothing will happen before the client sends."""
        exchange = self._exchange
        return exchange.state in LISTENING and exchange.downstream.settled and exchange.upstream.idle

    def _lose_server(self, event: str) -> None:
        """A client that is sending a message hears of it at the end: it would not listen before."""
        exchange = self._exchange
        if exchange.upstream.lost:
            return
        if exchange.state in BODY:
            exchange.note(event)
            exchange.lose_server()
            self._body.lose_server()
        elif exchange.state is State.OPENING:
            exchange.note(event)
            exchange.lose_server()
            self._encrypting.begin_first()
        else:
            exchange.break_off(event)

    def _alive(self, reply: Reply) -> None:
        """Even a server that does not like NOOP is alive, unless it says goodbye."""
        if reply.code == 421 or 300 <= reply.code < 400:
            self._lose_server("server.lost")
