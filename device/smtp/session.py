"""One inspected session without any input or output: an event comes in, effects go out.

    ClientBytes ──► Downstream ──► Dialogue (commands) ──► Upstream ──► ToServer
                              └──► Body (DATA, BDAT) ──► FeedMessage … ConcludeMessage
    Decided ──────► Outgoing (deliver, replace, refuse) ──► ToServer
    ServerBytes ──► Upstream ──► whoever asked ──► Downstream ──► ToClient

The same bytes give the same effects, however they are cut into events. states.py has the table of what may follow what.
"""

from dataclasses import dataclass
from typing import Final

from device.smtp import answers, events
from device.smtp import limits as caps
from device.smtp.body import Body
from device.smtp.dialogue import Dialogue
from device.smtp.downstream import Presence
from device.smtp.effects import Effect, ToServer
from device.smtp.encrypting import Encrypting, Starttls
from device.smtp.exchange import Exchange
from device.smtp.grammar import BadReply
from device.smtp.intake import Peers
from device.smtp.introduction import ClientAddress, header_of, xclient_attributes, xclient_command
from device.smtp.limits import SessionLimits
from device.smtp.outgoing import Outgoing
from device.smtp.reply import Reply
from device.smtp.states import BODY, COMMANDS, HELD, Signal, State
from device.smtp.upstream import UnaskedReply

OWN_NAME: Final = b"srx.invalid"
"""What the device calls itself before XCLIENT; the client's own EHLO follows, so nothing keeps it (RFC 2606)."""


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
    ) -> None:
        self._exchange = Exchange(peers, limits, State.OPENING if implicit_tls else State.GREETING)
        self._outgoing = Outgoing(self._exchange)
        self._body = Body(self._exchange, self._outgoing.refuse)
        self._encrypting = Encrypting(self._exchange, starttls, implicit=implicit_tls)
        self._dialogue = Dialogue(self._exchange, self._body, self._encrypting)
        self._introduce = introduce
        self._stopping = False

    def handle(self, event: events.Event) -> list[Effect]:
        """What has to be done now that this has happened."""
        if self._exchange.state is not State.CLOSED:
            if self.passing:
                self._encrypting.pass_on(event)
            elif isinstance(event, events.Secured | events.ServerNotSecured):
                self._secured(event)
            else:
                self._happen(event)
            self._advance()
        done, self._exchange.effects = self._exchange.effects, []
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
    def reads_client(self) -> bool:
        """Whether more client input is welcome; false while too much of it waits for its turn."""
        return self._exchange.downstream.waiting <= caps.INPUT_AHEAD

    @property
    def holding(self) -> bool:
        """Whether the server waits in an open transaction and has to be kept from giving up."""
        return self._exchange.state in HELD and not self._exchange.upstream.lost

    @property
    def passing(self) -> bool:
        """Whether bytes are handed on unread, so that a slow server has to slow its client down."""
        return self._exchange.state is State.PASSING

    @property
    def receiving(self) -> bool:
        """Whether a message is on its way in: there is a limit to all of it, too."""
        return self._exchange.state in BODY | {State.BETWEEN_CHUNKS}

    @property
    def patience(self) -> Patience:
        """How long either side may stay silent from now on (RFC 5321, 4.5.3.2)."""
        times, state = self._exchange.limits.times, self._exchange.state
        if state in BODY:
            client: float | None = times.data_block
        elif state is State.PASSING:
            client = times.data_termination
        elif self._exchange.downstream.settled and state in COMMANDS | {State.AUTHENTICATING}:
            client = times.command
        else:
            client = None
        return Patience(client, self._server_patience())

    def _server_patience(self) -> float | None:
        times = self._exchange.limits.times
        if self._exchange.upstream.idle:
            return None
        match self._exchange.state:
            case State.GREETING:
                return times.greeting
            case State.OFFERING:
                return times.data_initiation
            case State.ANSWERING:
                return times.data_termination
            case _:
                return times.command

    def _happen(self, event: events.Event) -> None:
        exchange = self._exchange
        match event:
            case events.ClientBytes(data):
                exchange.downstream.receive(data)
            case events.ServerBytes(data):
                self._server_said(data)
            case events.Decided(outcome):
                self._outgoing.decided(outcome)
            case events.KeepaliveDue():
                self._keep_alive()
            case events.ServerConnected(server):
                exchange.peers = Peers(exchange.peers.client, server, exchange.peers.greeting_name)
                self._connected()
            case events.ServerLost() | events.ServerSilent():
                self._server_lost("server.lost" if isinstance(event, events.ServerLost) else "server.silent")
            case events.ClientEnded() | events.ClientLost() | events.ClientSilent():
                self._client_left(event)
            case events.Stopping():
                self._stopping = True
            case events.StopNow():
                exchange.close(answers.STOPPING)

    def _advance(self) -> None:
        """Lets the client's input go on as far as it can, and ends what has come to its end."""
        exchange = self._exchange
        if exchange.downstream.presence is Presence.GONE and exchange.state is not State.ANSWERING:
            exchange.close()
        while self._step():
            pass
        ended = exchange.downstream.presence is Presence.ENDED
        if ended and exchange.state in BODY:
            exchange.close(answers.CLIENT_ENDED)
        elif ended and self._awaits_client:
            exchange.close()
        elif self._stopping and self._awaits_client and exchange.transaction.mail_from is None:
            exchange.close(answers.STOPPING)

    @property
    def _awaits_client(self) -> bool:
        """Whether nothing will happen before the client sends."""
        exchange = self._exchange
        listening = exchange.state in COMMANDS | {State.AUTHENTICATING}
        return listening and exchange.downstream.settled and exchange.upstream.idle

    def _step(self) -> bool:
        state = self._exchange.state
        if state in COMMANDS:
            return self._dialogue.step()
        if state in BODY:
            return self._body.step()
        return state is State.AUTHENTICATING and self._dialogue.step_authentication()

    def _connected(self) -> None:
        exchange = self._exchange
        header = header_of(self._introduce, exchange.peers)
        if header:
            exchange.effects.append(ToServer((header,)))
        if exchange.state is State.OPENING:
            self._encrypting.begin_first()
        else:
            self._await_greeting()

    def _secured(self, event: events.Secured | events.ServerNotSecured) -> None:
        self._encrypting.done(event)
        if self._exchange.state is State.GREETING:
            self._await_greeting()

    def _await_greeting(self) -> None:
        then = self._ask_for_xclient if self._introduce is ClientAddress.XCLIENT else self._greet
        self._exchange.upstream.expect(then)

    def _greet(self, reply: Reply) -> None:
        """The server's greeting is the client's, a refusal too: it may still say QUIT (RFC 5321, 3.1)."""
        exchange = self._exchange
        if 300 <= reply.code < 400:
            exchange.break_off("server.unexpected-reply")
            return
        exchange.move(Signal.GREETED)
        exchange.downstream.say(reply)
        if reply.code == 421:
            exchange.close()

    def _ask_for_xclient(self, reply: Reply) -> None:
        if reply.code == 220:
            self._exchange.upstream.ask((b"EHLO " + OWN_NAME + b"\r\n",), self._introduce_client)
        else:
            self._greet(reply)

    def _introduce_client(self, reply: Reply) -> None:
        attributes = xclient_attributes(reply) if reply.positive else frozenset()
        if b"ADDR" in attributes:
            command = xclient_command(self._exchange.peers, attributes)
            self._exchange.upstream.ask((command + b"\r\n",), self._introduced)
        else:
            self._exchange.break_off("server.xclient-not-offered")

    def _introduced(self, reply: Reply) -> None:
        """220 is the new greeting; a refusal of ours is not the client's business."""
        if reply.code == 220:
            self._greet(reply)
        else:
            self._exchange.break_off("server.xclient-refused")

    def _server_said(self, data: bytes) -> None:
        exchange = self._exchange
        try:
            exchange.upstream.receive(data)
        except UnaskedReply as unasked:
            if unasked.reply.code == 421 and exchange.state in COMMANDS:
                exchange.close(unasked.reply)
            else:
                self._server_lost("server.unexpected-reply")
        except BadReply:
            self._server_lost("server.bad-reply")

    def _server_lost(self, event: str) -> None:
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

    def _keep_alive(self) -> None:
        if self.holding and self._exchange.upstream.idle:
            self._exchange.upstream.ask((b"NOOP\r\n",), self._alive)

    def _alive(self, reply: Reply) -> None:
        """Even a server that does not like NOOP is alive, unless it says goodbye."""
        if reply.code == 421 or 300 <= reply.code < 400:
            self._server_lost("server.lost")

    def _client_left(self, event: events.ClientEnded | events.ClientLost | events.ClientSilent) -> None:
        """EOF is a half-close: what was sent goes on. With a client that is gone only a message goes on that the server has."""
        exchange = self._exchange
        match event:
            case events.ClientEnded():
                exchange.downstream.presence = Presence.ENDED
            case events.ClientSilent():
                exchange.note("client.silent", answers.CLIENT_SILENT)
                exchange.close(answers.CLIENT_SILENT)
            case events.ClientLost():
                exchange.downstream.presence = Presence.GONE
