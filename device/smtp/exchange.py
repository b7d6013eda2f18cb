"""What the rooms of one session share: where it stands, both sides, the envelope, the message, and the effects so far."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from device.message.envelope import Envelope, Recipient
from device.smtp import answers, capabilities, effects
from device.smtp.downstream import Downstream
from device.smtp.intake import Peers
from device.smtp.introduction import OWN_NAME
from device.smtp.limits import SessionLimits
from device.smtp.reply import Reply
from device.smtp.states import Signal, State, after
from device.smtp.upstream import Upstream


@dataclass(slots=True)
class Transaction:
    """MAIL and RCPTs as far as the server took them."""

    mail_from: bytes | None = None
    mail_parameters: tuple[bytes, ...] = ()
    recipients: list[Recipient] = field(default_factory=list)

    @property
    def deliverable(self) -> bool:
        """Whether a message may follow: a sender and at least one recipient were accepted."""
        return self.mail_from is not None and bool(self.recipients)

    def envelope(self) -> Envelope:
        """As inspection sees it."""
        assert self.mail_from is not None
        return Envelope(self.mail_from, tuple(self.recipients), self.mail_parameters)


class Exchange:
    """One client, one server, and between them at most one message."""

    def __init__(self, peers: Peers, limits: SessionLimits, state: State = State.GREETING) -> None:
        self.peers = peers
        self.limits = limits
        self.state = state
        self.effects: list[effects.Effect] = []
        self.upstream = Upstream(self.effects)
        self.downstream = Downstream(self.effects)
        self.capabilities = capabilities.NONE
        self.transaction = Transaction()
        self.by_chunks = False
        self.greeting = b"HELO " + OWN_NAME
        """The last EHLO or HELO that the server took; our own, if it takes mail without."""
        self.repeatable = True
        """Whether a second connection to the server would be worth the same: no sign-in, encryption or XCLIENT came before."""
        self.word: Reply | None = None
        """What the server said to what the outcome had us send, while our reply still waits for RSET."""
        self._message = False

    @property
    def size_limit(self) -> int:
        """Of a message, in bytes: as it was offered, or ours."""
        return self.capabilities.size_limit(self.limits.message_size)

    def move(self, signal: Signal) -> None:
        """To the next state; NoSuchTransition, if the table has none."""
        self.state = after(self.state, signal)

    def note(self, event: str, reply: Reply | None = None) -> None:
        """For the log."""
        self.effects.append(effects.Note(event, reply))

    def begin_message(self) -> None:
        """A body starts."""
        self._message = True
        self.effects.append(effects.BeginMessage(self.peers))

    def feed_message(self, chunks: Sequence[bytes]) -> None:
        """More of it."""
        for chunk in chunks:
            self.effects.append(effects.FeedMessage(chunk))

    def conclude_message(self) -> None:
        """It is whole."""
        self.effects.append(effects.ConcludeMessage(self.transaction.envelope()))

    def settle_message(self, word: Reply | None) -> None:
        """The server's word, or that none came; once a message."""
        if self._message:
            self.effects.append(effects.SettleMessage(word))
        self._message, self.word = False, None

    def abandon_message(self) -> None:
        """Nothing of it was sent; nothing happens where there is no message."""
        if self._message:
            self.effects.append(effects.AbandonMessage())
        self._message = False

    def end_transaction(self) -> None:
        """Neither side knows of sender and recipients any more."""
        self.transaction = Transaction()
        self.by_chunks = False

    def lose_server(self) -> None:
        """Nothing comes from it or goes to it any more."""
        if not self.upstream.lost:
            self.upstream.lose()
            self.effects.append(effects.CloseServer())

    def cut_server(self) -> None:
        """Nothing more comes from it, and nothing that waits goes to it."""
        if not self.upstream.lost:
            self.upstream.lose()
            self.effects.append(effects.CutServer())

    def part(self, reply: Reply) -> None:
        """A last reply to a message whose server connection was cut; from here on the client can only leave."""
        self.downstream.say(reply)
        self.end_transaction()
        self.move(Signal.PARTED)

    def close(self, reply: Reply | None = None) -> None:
        """Ends the session: the message is settled by what is known, a last reply goes to the client, both sides close.

        A client that waits for TLS gets no word in plain text.
        """
        if self.state is State.CLOSED:
            return
        if reply is not None and self.state is not State.OPENING:
            self.downstream.say_last(reply)
        if self.word is not None or self.state in (State.ANSWERING, State.RESENDING):
            self.settle_message(self.word)
        self.abandon_message()
        self.lose_server()
        self.effects.append(effects.CloseClient())
        self.move(Signal.CLOSE)

    def break_off(self, event: str) -> None:
        """The server can't be spoken with any more; the client's transaction is over."""
        self.note(event, answers.SERVER_LOST)
        self.close(answers.SERVER_LOST)
