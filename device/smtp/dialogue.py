"""Commands before a body: relayed as they are where they are known, answered here where not.

Only base verbs, and the verbs and parameters of relayed extensions, go to the server (EHLO's list: capabilities). Replies keep
the order of their commands. A command waits for its turn where what it means hangs on replies that are still to come.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ClassVar, Final

from device.message.envelope import Recipient
from device.smtp import answers, capabilities
from device.smtp.body import Body
from device.smtp.downstream import Slot
from device.smtp.encrypting import Encrypting
from device.smtp.exchange import Exchange
from device.smtp.grammar import CRLF, Command, Path, path_of
from device.smtp.intake import Peers
from device.smtp.reply import Reply
from device.smtp.states import Signal, State

IN_GROUPS: Final = frozenset({b"MAIL", b"RCPT", b"RSET"})
"""What may stand anywhere in a pipelined group; every other command ends it (RFC 2920, section 3.1)."""

WAIT_FOR_REPLIES: Final = frozenset({b"EHLO", b"HELO", b"MAIL", b"DATA", b"BDAT", b"AUTH", b"STARTTLS", b"QUIT"})
"""Taken only when every reply is there: what they do hangs on the transaction so far, or changes what follows."""

NOT_BETWEEN_CHUNKS: Final = frozenset({b"MAIL", b"RCPT", b"DATA", b"AUTH", b"STARTTLS"})
"""Out of order in a message that comes by BDAT; the server doesn't know of the message and would take them."""


class Dialogue:
    """The client's commands and the server's replies to them."""

    def __init__(self, exchange: Exchange, body: Body, encrypting: Encrypting) -> None:
        self._exchange = exchange
        self._encrypting = encrypting
        self._recipients_asked = 0
        self._body = body

    def step(self) -> bool:
        """Takes one line of the client's, if one is there and it is its turn; false, if not."""
        exchange = self._exchange
        line = exchange.downstream.peek()
        if line is None or not exchange.upstream.takes_more:
            return False
        command = Command.of(line.text)
        if not exchange.upstream.idle and self._must_wait(command):
            return False
        exchange.downstream.take()
        if line.too_long:
            exchange.downstream.say(answers.LINE_TOO_LONG)
        elif command.odd:
            exchange.downstream.say(answers.ODD_LINE)
        else:
            self._take(command)
        return True

    def step_authentication(self) -> bool:
        """Takes the one line that follows each 334; false, if it isn't there or nobody asked for it."""
        exchange = self._exchange
        line = exchange.downstream.peek() if exchange.upstream.idle else None
        if line is None:
            return False
        exchange.downstream.take()
        # A response that can't be relayed is cancelled (RFC 4954, section 4: "*"), and the server's refusal of that is relayed.
        unfit = line.too_long or Command.of(line.text).odd
        self._continue(exchange.downstream.owe(), b"*" if unfit else line.text)
        return True

    def step_parting(self) -> bool:
        """Takes one line of a client that has no server any more; false, if none is there."""
        downstream = self._exchange.downstream
        if (line := downstream.peek()) is None:
            return False
        downstream.take()
        match Command.of(line.text).verb:
            case b"NOOP" | b"RSET":
                downstream.say(answers.DONE)
            case b"QUIT":
                downstream.say(answers.GOODBYE)
                self._exchange.close()
            case _:
                self._exchange.close(answers.OVER)
        return True

    def _must_wait(self, command: Command) -> bool:
        """A recipient at the limit waits too: one before it may be refused yet."""
        at_limit = command.verb == b"RCPT" and self._recipients_in_sight >= self._exchange.limits.recipients
        return at_limit or command.verb in WAIT_FOR_REPLIES

    @property
    def _recipients_in_sight(self) -> int:
        return len(self._exchange.transaction.recipients) + self._recipients_asked

    def _take(self, command: Command) -> None:
        handler = self._handlers.get(command.verb)
        if handler is None:
            self._exchange.downstream.say(answers.UNKNOWN_COMMAND)
        elif self._exchange.state is State.BETWEEN_CHUNKS and command.verb in NOT_BETWEEN_CHUNKS:
            self._exchange.downstream.say(answers.BAD_SEQUENCE)
        else:
            handler(self, command)

    def _relay(self, command: Command, then: Callable[[Reply], Reply]) -> None:
        """Sends the command on; `then` sees the reply first and says what the client gets."""
        slot = self._exchange.downstream.owe()
        self._exchange.upstream.ask(
            (command.line + CRLF,),
            lambda reply: self._answer(slot, then(reply)),
            alone=command.verb not in IN_GROUPS,
        )

    def _answer(self, slot: Slot, reply: Reply) -> None:
        """Relays a reply. After 421 the server closes; 3xx promises something that nobody asked for."""
        exchange = self._exchange
        if 300 <= reply.code < 400:
            exchange.break_off("server.unexpected-reply")
            return
        exchange.downstream.answer(slot, reply)
        if reply.code == 421:
            exchange.close()

    def _plain(self, command: Command) -> None:
        self._relay(command, _as_it_is)

    def _data(self, command: Command) -> None:
        self._body.data(command)

    def _bdat(self, command: Command) -> None:
        self._body.bdat(command)

    def _starttls(self, command: Command) -> None:
        self._encrypting.starttls(command)

    def _ehlo(self, command: Command) -> None:
        self._relay(command, lambda reply: self._greeted(command, reply))

    def _helo(self, command: Command) -> None:
        self._relay(command, lambda reply: self._greeted(command, reply))

    def _greeted(self, command: Command, reply: Reply) -> Reply:
        """EHLO and HELO end a transaction (RFC 5321, 4.1.4) and say anew what is offered."""
        if not reply.positive:
            return reply
        exchange = self._exchange
        self._forget()
        exchange.peers = Peers(exchange.peers.client, exchange.peers.server, command.argument)
        exchange.greeting = command.line
        if command.verb == b"HELO":
            exchange.capabilities = capabilities.NONE
        else:
            ours, also = exchange.limits.message_size, self._encrypting.offers
            reply, exchange.capabilities = capabilities.offered_of(reply, ours, also)
        exchange.upstream.pipelining = b"PIPELINING" in exchange.capabilities
        return reply

    def _mail(self, command: Command) -> None:
        exchange = self._exchange
        path = self._path(command, b"FROM", capabilities.MAIL_PARAMETERS)
        if path is None:
            return
        if exchange.transaction.mail_from is not None:
            exchange.downstream.say(answers.BAD_SEQUENCE)
        elif path.parameters and _declared_size(path) > exchange.size_limit:
            exchange.note("session.message-too-big", answers.TOO_BIG)
            exchange.downstream.say(answers.TOO_BIG)
        else:
            self._relay(command, lambda reply: self._sender_answered(path, reply))

    def _sender_answered(self, path: Path, reply: Reply) -> Reply:
        if reply.positive:
            transaction = self._exchange.transaction
            transaction.mail_from, transaction.mail_parameters = path.path, path.parameters
        return reply

    def _rcpt(self, command: Command) -> None:
        exchange = self._exchange
        path = self._path(command, b"TO", capabilities.RCPT_PARAMETERS)
        if path is None:
            return
        if self._recipients_in_sight >= exchange.limits.recipients:
            exchange.note("session.too-many-recipients", answers.TOO_MANY_RECIPIENTS)
            exchange.downstream.say(answers.TOO_MANY_RECIPIENTS)
            return
        self._recipients_asked += 1
        self._relay(command, lambda reply: self._recipient_answered(path, reply))

    def _recipient_answered(self, path: Path, reply: Reply) -> Reply:
        self._recipients_asked -= 1
        if reply.positive:
            self._exchange.transaction.recipients.append(Recipient(path.path, path.parameters))
        return reply

    def _path(self, command: Command, introduction: bytes, table: capabilities.ParameterTable) -> Path | None:
        """The path, if it can be read and every parameter is of a relayed extension; else the client is told."""
        path = path_of(command, introduction)
        known = self._exchange.capabilities
        if path is None:
            self._exchange.downstream.say(answers.BAD_PATH)
        elif path.parameters and not all(known.knows_parameter(each, table) for each in path.parameters):
            self._exchange.downstream.say(answers.UNKNOWN_PARAMETER)
        else:
            return path
        return None

    def _rset(self, command: Command) -> None:
        self._relay(command, self._transaction_reset)

    def _transaction_reset(self, reply: Reply) -> Reply:
        if reply.positive:
            self._forget()
        return reply

    def _forget(self) -> None:
        """Sender, recipients, and a message that had begun to come by BDAT."""
        self._exchange.abandon_message()
        self._exchange.end_transaction()
        if self._exchange.state is State.BETWEEN_CHUNKS:
            self._exchange.move(Signal.FORGOTTEN)

    def _auth(self, command: Command) -> None:
        """RFC 4954. A mechanism that was not offered goes nowhere: it could encrypt what follows."""
        exchange = self._exchange
        mechanism = command.argument.upper().partition(b" ")[0]
        if b"AUTH" not in exchange.capabilities:
            exchange.downstream.say(answers.UNKNOWN_COMMAND)
        elif mechanism not in exchange.capabilities.mechanisms:
            exchange.downstream.say(answers.UNKNOWN_MECHANISM)
        else:
            exchange.move(Signal.AUTH_RELAYED)
            self._continue(exchange.downstream.owe(), command.line)

    def _continue(self, slot: Slot, line: bytes) -> None:
        self._exchange.upstream.ask((line + CRLF,), lambda reply: self._auth_answered(slot, reply))

    def _auth_answered(self, slot: Slot, reply: Reply) -> None:
        """334 asks for exactly one line more; any other reply ends it."""
        if reply.code == 334:
            self._exchange.downstream.answer(slot, reply)
            return
        self._exchange.move(Signal.AUTH_ANSWERED)
        if reply.positive:
            self._exchange.repeatable = False
        self._answer(slot, reply)

    def _etrn(self, command: Command) -> None:
        if b"ETRN" in self._exchange.capabilities:
            self._plain(command)
        else:
            self._exchange.downstream.say(answers.UNKNOWN_COMMAND)

    def _quit(self, command: Command) -> None:
        """What comes after it is nobody's; a server that refuses QUIT keeps the session."""
        slot = self._exchange.downstream.owe()
        self._exchange.upstream.ask((command.line + CRLF,), lambda reply: self._quit_answered(slot, reply))

    def _quit_answered(self, slot: Slot, reply: Reply) -> None:
        self._answer(slot, reply)
        if reply.positive:
            self._exchange.close()

    _handlers: ClassVar[Mapping[bytes, Callable[["Dialogue", Command], None]]] = MappingProxyType(
        {
            b"EHLO": _ehlo,
            b"HELO": _helo,
            b"MAIL": _mail,
            b"RCPT": _rcpt,
            b"DATA": _data,
            b"BDAT": _bdat,
            b"RSET": _rset,
            b"AUTH": _auth,
            b"STARTTLS": _starttls,
            b"QUIT": _quit,
            b"ETRN": _etrn,
            b"NOOP": _plain,
            b"HELP": _plain,
            b"VRFY": _plain,
            b"EXPN": _plain,
        }
    )


def _as_it_is(reply: Reply) -> Reply:
    return reply


def _declared_size(path: Path) -> int:
    """MAIL's SIZE; 0 where there is none or the server will refuse it. Of more digits than RFC 1870 allows, twenty are enough."""
    value = path.value_of(b"SIZE") or b""
    return int(value[:20]) if value.isdigit() else 0
