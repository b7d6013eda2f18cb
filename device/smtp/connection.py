"""The shell around one session: sockets, tasks and the log. It decides nothing: events go in, effects are done in order."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

import structlog

from device.actions.outcome import Outcome
from device.smtp import answers, effects, events
from device.smtp.boundary import Boundary, SessionLog
from device.smtp.handover import Handover
from device.smtp.handshakes import secure_both
from device.smtp.intake import Endpoint, Peers, Reception
from device.smtp.introduction import ClientAddress
from device.smtp.leg import Leg, Told
from device.smtp.limits import SessionLimits
from device.smtp.second_connection import carry_out
from device.smtp.second_delivery import Mail, SecondDelivery
from device.smtp.session import Session
from device.smtp.states import State
from device.smtp.streaming import Delivery
from device.tls.encryption import PLAIN, Encryption

ServerFor = Callable[[Leg], Endpoint]
"""The real server of a client."""

ImplicitTls = Callable[[Leg], bool]
"""Whether a client begins with a ClientHello (RFC 8314)."""

Dial = Callable[[Callable[[], asyncio.Protocol], Peers], Awaitable[object]]
"""Connects the protocol to the real server, for that client. OSError, if it can't."""

log = structlog.get_logger()


@dataclasses.dataclass(frozen=True, slots=True)
class Surroundings:
    """What every connection of a listener gets."""

    server_for: ServerFor
    dial: Dial
    reception: Reception
    limits: SessionLimits
    tasks: asyncio.TaskGroup
    introduce: ClientAddress = ClientAddress.HIDDEN
    encryption: Encryption = PLAIN
    implicit_tls: ImplicitTls = lambda _: False
    delivery: Delivery = Delivery.HOLD


class Host(Protocol):
    """Whoever keeps all connections of a listener."""

    def admits(self, client: Endpoint) -> bool:
        """Whether that client may have one session more."""

    def done(self, connection: "Connection") -> None:
        """Both sides of a connection are gone; told once."""

    def uninspected(self) -> None:
        """A session's bytes are handed on unread from here on."""


class Connection:
    """One client's connection and the one to its server."""

    def __init__(self, surroundings: Surroundings, number: int, host: Host) -> None:
        self.client = Leg(Told(self._client_came, self._client_sent, self._client_ended, self._client_gone, self._flow))
        self._server = Leg(Told(self._server_came, self._server_sent, self._server_gone, self._server_gone, self._flow))
        self._around = surroundings
        self.admitted: Endpoint | None = None
        self._host: Host | None = host
        self._log = SessionLog(number)
        self._boundary = Boundary(self._log, "session")
        self._handover = Handover(
            surroundings.reception, surroundings.tasks, self._log, surroundings.limits.times.decision
        )
        self._session: Session | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._securing: asyncio.Task[None] | None = None
        self._resending: asyncio.Task[None] | None = None
        self._next: events.Event | None = None
        self._slowed = False
        self._opened_at = 0.0
        self._receiving_since: float | None = None
        self._closed_since: float | None = None

    def tell(self, event: events.Event) -> None:
        """Something happened: the session says what has to be done, and it is done."""
        session = self._session
        if session is None or self._closed_since is not None:
            return
        with self._boundary:
            self._carry_out(session, event)
        if self._boundary.failed:
            self._give_up()
        if self._boundary.failed or session.state is State.CLOSED:
            self._closed_since = asyncio.get_running_loop().time()
        elif self._slowed or self.client.full or self._server.full or session.crowded:
            self._flow()

    def _carry_out(self, session: Session, event: events.Event) -> None:
        """The event, and what an effect of it tells at once."""
        following: events.Event | None = event
        while following is not None:
            for effect in session.handle(following):
                if type(effect) is effects.ToClient:
                    self.client.send(effect.data)
                else:
                    self._doings[type(effect)](self, effect)
            following, self._next = self._next, None

    def tick(self, now: float, linger: float) -> None:
        """Looks at the time: who has been silent for too long, and whether the server wants to hear that we live."""
        if self._closed_since is not None:
            if now - self._closed_since > linger:
                self.abort()
        elif self._session is not None:
            self._look_at_patience(self._session, now)

    def abort(self) -> None:
        """Ends every connection now."""
        if self._resending is not None:
            self._resending.cancel()
        self.client.abort()
        self._server.abort()

    def _look_at_patience(self, session: Session, now: float) -> None:
        times, patience = self._around.limits.times, session.patience
        if not session.receiving:
            self._receiving_since = None
        elif self._receiving_since is None:
            self._receiving_since = now
        drips = self._receiving_since is not None and now - self._receiving_since > times.message
        client_quiet, server_quiet = self.client.quiet(now), self._server.quiet(now)
        connecting = self._connecting is not None and not self._server.started
        stalled = session.hands_on and self._server.full  # then its client isn't read
        client_limit, server_limit = (None, times.data_block) if stalled else (patience.client, patience.server)
        if connecting and now - self._opened_at > times.connect:
            self._unreachable(TimeoutError())
        elif drips or _over(client_limit, client_quiet):
            self.tell(events.ClientSilent())
        elif _over(server_limit, server_quiet):
            self.tell(events.ServerSilent())
        elif session.holding and server_quiet > times.keepalive:
            self.tell(events.KeepaliveDue())

    def _client_came(self) -> None:
        with Boundary(self._log, "accept") as boundary:
            self._begin_session()
        if boundary.failed:
            self.client.abort()

    def _begin_session(self) -> None:
        around, host = self._around, self._host
        peers = Peers(self.client.peer, around.server_for(self.client))
        implicit_tls = around.implicit_tls(self.client)
        if host is None or not host.admits(peers.client):
            self._turn_away(peers, tell=not implicit_tls)
            return
        policy = around.encryption.policy
        self._session = Session(
            peers, around.limits, around.introduce, policy, implicit_tls=implicit_tls, delivery=around.delivery
        )
        self.admitted, self._log.peers = peers.client, peers
        self._opened_at = asyncio.get_running_loop().time()
        log.debug("session.opened", session=self._log.number, client=peers.client.host, client_port=peers.client.port)
        if self._session.begins_in_tls:
            self.client.pause()
        self._connecting = around.tasks.create_task(self._connect(peers))
        self._connecting.add_done_callback(self._connected)

    def _turn_away(self, peers: Peers, *, tell: bool) -> None:
        """A client that begins with TLS is not told: a handshake is what there is no room for."""
        self._log.peers = peers
        self._log().warning("session.refused", code=answers.TOO_MANY_OF_CLIENT.code)
        self._closed_since = asyncio.get_running_loop().time()
        if tell:
            self.client.send(answers.TOO_MANY_OF_CLIENT.wire())
        self.client.close()

    async def _connect(self, peers: Peers) -> None:
        """To the real server, at once: its greeting is the client's. The tick ends what takes too long."""
        with Boundary(self._log, "connect") as boundary:
            try:
                await self._around.dial(self._server_leg, peers)
            except OSError as error:
                self._unreachable(error)
        if boundary.failed:
            self.tell(events.ServerLost())

    def _server_leg(self) -> Leg:
        return self._server

    def _connected(self, _task: "asyncio.Task[None]") -> None:
        self._connecting = None
        self._end_if_gone()

    def _unreachable(self, error: OSError) -> None:
        self._log().warning("server.unreachable", error=type(error).__name__)
        self.tell(events.ServerLost())

    def _client_sent(self, data: bytes) -> None:
        self.tell(events.ClientBytes(data))

    def _client_ended(self) -> None:
        self.tell(events.ClientEnded())

    def _client_gone(self) -> None:
        self.tell(events.ClientLost())
        self._end_if_gone()

    def _server_came(self) -> None:
        self.tell(events.ServerConnected(self._server.peer))

    def _server_sent(self, data: bytes) -> None:
        self.tell(events.ServerBytes(data))

    def _server_gone(self) -> None:
        securing = self._securing is not None and not self._securing.done()
        if not self._server.closing and not securing:
            self.tell(events.ServerLost())
        self._end_if_gone()

    def _decided(self, outcome: Outcome) -> None:
        self.tell(events.Decided(outcome))

    def _flow(self) -> None:
        """A client that doesn't read its replies is not read either, nor is the server whose replies they are."""
        session = self._session
        if session is None or self._closed_since is not None:
            return
        jammed = session.crowded or self.client.full or (session.hands_on and self._server.full)
        self.client.read(wanted=not jammed)
        self._server.read(wanted=not self.client.full)
        self._slowed = jammed

    def _to_server(self, effect: effects.ToServer) -> None:
        pieces = effect.pieces
        if isinstance(pieces, tuple) and len(pieces) == 1:
            self._server.send(pieces[0])
        else:
            self._server.send_pieces(pieces)

    def _close_client(self, _effect: effects.CloseClient) -> None:
        self.client.close()

    def _close_server(self, _effect: effects.CloseServer) -> None:
        """A connection that isn't there yet is not waited for."""
        self._server.close()
        if self._connecting is not None and self._connecting is not asyncio.current_task():
            self._connecting.cancel()

    def _encrypt(self, _effect: effects.Encrypt) -> None:
        self.client.pause()
        if self._server.started:
            self._server.pause()
        self._securing = self._around.tasks.create_task(self._secure())

    async def _secure(self) -> None:
        """Both handshakes; what comes in before the session knows of them waits in the legs."""
        around = self._around
        became: events.Event = events.ClientLost()
        with Boundary(self._log, "secure"):
            seconds = around.limits.times.handshake
            host = around.server_for(self.client).host
            became = await secure_both(self.client, self._server, around.encryption, host, seconds)
        self._securing = None
        if not isinstance(became, events.ClientLost):
            self.client.ready()
        if isinstance(became, events.Secured):
            self._server.ready()
        self.tell(became)
        self._server.catch_up()
        self.client.catch_up()
        if self._server.gone:
            self.tell(events.ServerLost())

    def _count_uninspected(self, _effect: effects.Uninspected) -> None:
        self._log().warning("session.uninspected")
        if self._host is not None:
            self._host.uninspected()

    def _cut_server(self, _effect: effects.CutServer) -> None:
        self._server.abort()

    def _ask_to_stream(self, _effect: effects.AskToStream) -> None:
        self._next = events.MayStream(self._handover.streamable())

    def _send_anew(self, effect: effects.SendAnew) -> None:
        self._resending = self._around.tasks.create_task(self._deliver_anew(effect.mail))
        self._resending.add_done_callback(self._resent)

    def _resent(self, _task: "asyncio.Task[None]") -> None:
        self._resending = None
        self._end_if_gone()

    async def _deliver_anew(self, mail: Mail) -> None:
        """To the server once more. The session is told in any case."""
        delivery = SecondDelivery(mail)
        with Boundary(self._log, "second delivery"):
            peers, times = self._log.peers, self._around.limits.times
            assert peers is not None
            await carry_out(
                delivery,
                lambda protocol: self._around.dial(protocol, peers),
                times.connect + times.command + times.data_termination,
            )
        self.tell(events.SentAnew(delivery.reply, delivery.sent))

    def _begin(self, effect: effects.BeginMessage) -> None:
        self._receiving_since = None
        self._handover.begin(effect.peers)

    def _feed(self, effect: effects.FeedMessage) -> None:
        self._handover.feed(effect.chunk)

    def _conclude(self, effect: effects.ConcludeMessage) -> None:
        """An outcome that is there at once is told when the effects before it are done."""
        outcome = self._handover.conclude(effect.envelope, self._decided)
        if outcome is not None:
            self._next = events.Decided(outcome)

    def _settle(self, effect: effects.SettleMessage) -> None:
        self._handover.settle(effect.reply)

    def _abandon(self, _effect: effects.AbandonMessage) -> None:
        self._handover.abandon()

    def _note(self, effect: effects.Note) -> None:
        reply = effect.reply
        fields = {} if reply is None else {"code": reply.code, "text": reply.lines[0].decode("ascii", "replace")}
        self._log().info(effect.event, **fields)

    def _give_up(self) -> None:
        """A defect of ours: an orderly goodbye, and nothing is promised."""
        self.client.send(answers.FAILED.wire())
        self._handover.abandon()
        self.client.close()
        self._close_server(effects.CloseServer())

    def _end_if_gone(self) -> None:
        never_came = self._connecting is None and not self._server.started
        if self._host is None or self._resending is not None:
            return
        if not self.client.gone or not (self._server.gone or never_came):
            return
        log.debug("session.closed", session=self._log.number, messages=self._handover.messages)
        host, self._host = self._host, None
        host.done(self)

    _doings: ClassVar[Mapping[type, Callable[["Connection", Any], None]]] = MappingProxyType(
        {
            effects.ToServer: _to_server,
            effects.CloseClient: _close_client,
            effects.CloseServer: _close_server,
            effects.Encrypt: _encrypt,
            effects.Uninspected: _count_uninspected,
            effects.CutServer: _cut_server,
            effects.AskToStream: _ask_to_stream,
            effects.SendAnew: _send_anew,
            effects.BeginMessage: _begin,
            effects.FeedMessage: _feed,
            effects.ConcludeMessage: _conclude,
            effects.SettleMessage: _settle,
            effects.AbandonMessage: _abandon,
            effects.Note: _note,
        }
    )
    """What is done for each effect but ToClient, which is half of all."""


def _over(limit: float | None, elapsed: float) -> bool:
    return limit is not None and elapsed > limit
