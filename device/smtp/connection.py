"""The shell around one session: sockets, tasks and the log. It decides nothing: events go in, effects are done in order."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import structlog

from device.actions.outcome import Outcome, Refuse
from device.message.envelope import Envelope
from device.smtp import answers, effects, events
from device.smtp.handshakes import secure_both
from device.smtp.intake import Endpoint, Intake, Peers, Reception
from device.smtp.introduction import ClientAddress
from device.smtp.leg import Leg, Told
from device.smtp.limits import SessionLimits
from device.smtp.reply import Reply
from device.smtp.session import Session
from device.smtp.states import State
from device.tls.encryption import PLAIN, Encryption

ServerFor = Callable[[Leg], Endpoint]
"""The real server of a client."""

Dial = Callable[[Callable[[], asyncio.Protocol], Peers], Awaitable[object]]
"""Connects the protocol to the real server, for that client. OSError, if it can't."""


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


class Connection:
    """One client's connection and the one to its server. `done` is told once, when both are gone."""

    def __init__(
        self,
        surroundings: Surroundings,
        number: int,
        done: Callable[["Connection"], None],
        uninspected: Callable[[], None],
    ) -> None:
        self.client = Leg(Told(self._client_came, self._client_sent, self._client_ended, self._client_gone, self._flow))
        self._server = Leg(Told(self._server_came, self._server_sent, self._server_gone, self._server_gone, self._flow))
        self._around = surroundings
        self._done: Callable[[Connection], None] | None = done
        self._uninspected = uninspected
        self._log = structlog.get_logger().bind(session=number)
        self._session: Session | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._intake: Intake | None = None
        self._concluding: asyncio.Task[None] | None = None
        self._securing: asyncio.Task[None] | None = None
        self._receiving_since: float | None = None
        self._closed_since: float | None = None
        self._messages = 0

    def tell(self, event: events.Event) -> None:
        """Something happened: the session says what has to be done, and it is done."""
        session = self._session
        if session is None or self._closed_since is not None:
            return
        fine = False
        with self._boundary(type(event).__name__):
            for effect in session.handle(event):
                self._do(effect)
            fine = True
        if not fine:
            self._give_up()
        if session.state is State.CLOSED or not fine:
            self._closed_since = asyncio.get_running_loop().time()
        self.client.flush()
        self._server.flush()
        self._flow()

    def tick(self, now: float, linger: float) -> None:
        """Looks at the time: who has been silent for too long, and whether the server wants to hear that we live."""
        if self._closed_since is not None:
            if now - self._closed_since > linger:
                self.abort()
        elif self._session is not None:
            self._look_at_patience(self._session, now)

    def abort(self) -> None:
        """Ends both connections now."""
        self.client.abort()
        self._server.abort()

    def _look_at_patience(self, session: Session, now: float) -> None:
        times, patience = self._around.limits.times, session.patience
        if not session.receiving:
            self._receiving_since = None
        elif self._receiving_since is None:
            self._receiving_since = now
        drips = self._receiving_since is not None and now - self._receiving_since > times.message
        quiet = now - max(self._server.heard, self._server.said)
        if drips or _over(patience.client, now - max(self.client.heard, self.client.said)):
            self.tell(events.ClientSilent())
        elif _over(patience.server, quiet):
            self.tell(events.ServerSilent())
        elif session.holding and quiet > times.keepalive:
            self.tell(events.KeepaliveDue())

    def _client_came(self) -> None:
        peers = Peers(self.client.peer, self._around.server_for(self.client))
        around = self._around
        self._session = Session(peers, around.limits, around.introduce, around.encryption.policy)
        self._log = self._log.bind(client=peers.client.host)
        self._log.info("session.opened", client_port=peers.client.port, server=peers.server.host)
        self._connecting = self._around.tasks.create_task(self._connect(peers))
        self._connecting.add_done_callback(lambda _: self._end_if_gone())

    async def _connect(self, peers: Peers) -> None:
        """To the real server, at once: its greeting is the client's."""
        connected = False
        with self._boundary("connect"):
            try:
                async with asyncio.timeout(self._around.limits.times.connect):
                    await self._around.dial(lambda: self._server, peers)
                connected = True
            except (OSError, TimeoutError) as error:
                self._log.warning("server.unreachable", server=peers.server.host, error=type(error).__name__)
        if not connected:
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

    def _flow(self) -> None:
        """A client that doesn't read its replies is not read either, nor is the server whose replies they are."""
        session = self._session
        if session is None or self._closed_since is not None:
            return
        jammed = self.client.full or (session.passing and self._server.full)
        self.client.read(wanted=session.reads_client and not jammed)
        self._server.read(wanted=not self.client.full)

    def _do(self, effect: effects.Effect) -> None:
        match effect:
            case effects.ToClient(data):
                self.client.queue((data,))
            case effects.ToServer(pieces):
                self._server.queue(pieces)
            case effects.FeedMessage(chunk):
                assert self._intake is not None
                self._intake.feed(chunk)
            case effects.CloseClient():
                self.client.close()
            case effects.CloseServer():
                self._close_server()
            case effects.Encrypt():
                self._encrypt()
            case effects.Uninspected():
                self._log.warning("session.uninspected")
                self._uninspected()
            case effects.Note(event, reply):
                self._note(event, reply)
            case _:
                self._do_with_message(effect)

    def _encrypt(self) -> None:
        self.client.pause()
        self._server.pause()
        self._securing = self._around.tasks.create_task(self._secure())

    async def _secure(self) -> None:
        """Both handshakes; what comes in before the session knows of them waits in the legs."""
        around = self._around
        became: events.Event = events.ClientLost()
        with self._boundary("secure"):
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

    def _do_with_message(
        self,
        effect: effects.BeginMessage | effects.ConcludeMessage | effects.SettleMessage | effects.AbandonMessage,
    ) -> None:
        if isinstance(effect, effects.BeginMessage):
            self._messages += 1
            self._intake = self._around.reception.begin(effect.peers)
            return
        intake = self._intake
        assert intake is not None
        match effect:
            case effects.ConcludeMessage(envelope):
                self._concluding = self._around.tasks.create_task(self._conclude(intake, envelope))
            case effects.SettleMessage(reply):
                self._intake = None
                self._around.tasks.create_task(self._settle(intake, reply))
            case effects.AbandonMessage():
                self._abandon(intake)

    async def _conclude(self, intake: Intake, envelope: Envelope) -> None:
        outcome: Outcome = Refuse(answers.NOT_DECIDED)
        with self._boundary("conclude"):
            async with asyncio.timeout(self._around.limits.times.decision):
                outcome = await intake.conclude(envelope)
        self.tell(events.Decided(outcome))

    async def _settle(self, intake: Intake, reply: Reply | None) -> None:
        with self._boundary("settle"):
            await intake.settle(reply)

    def _abandon(self, intake: Intake) -> None:
        """A conclusion under way ends first, so that the intake has one caller at a time."""
        self._intake, task = None, self._concluding
        if task is None or task.done() or task is asyncio.current_task():
            self._abandon_now(intake)
            return
        task.add_done_callback(lambda _: self._abandon_now(intake))
        task.cancel()

    def _abandon_now(self, intake: Intake) -> None:
        with self._boundary("abandon"):
            intake.abandon()

    def _close_server(self) -> None:
        """A connection that isn't there yet is not waited for."""
        self._server.close()
        if self._connecting is not None and self._connecting is not asyncio.current_task():
            self._connecting.cancel()

    def _note(self, event: str, reply: Reply | None) -> None:
        fields = {} if reply is None else {"code": reply.code, "text": reply.lines[0].decode("ascii", "replace")}
        self._log.info(event, **fields)

    @contextmanager
    def _boundary(self, during: str) -> Iterator[None]:
        """The session's boundary: what goes wrong in one session ends at most this one. The log gets no content: no message."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 the session boundary
            self._log.error("session.failed", during=during, error=type(error).__name__, where=_place_of(error))

    def _give_up(self) -> None:
        """A defect of ours: an orderly goodbye, and nothing is promised."""
        self.client.queue((answers.FAILED.wire(),))
        if self._intake is not None:
            self._abandon(self._intake)
        self.client.close()
        self._close_server()

    def _end_if_gone(self) -> None:
        connected = self._connecting is None or self._connecting.done()
        never_came = connected and not self._server.started
        if self._done is None or not self.client.gone or not (self._server.gone or never_came):
            return
        self._log.info("session.closed", messages=self._messages)
        done, self._done = self._done, None
        done(self)


def _over(limit: float | None, elapsed: float) -> bool:
    return limit is not None and elapsed > limit


def _place_of(error: BaseException) -> str:
    """File and line where it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
