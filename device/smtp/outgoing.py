"""What is done with a whole message: delivered, replaced or refused, and what the client then hears.

Deliver, in the client's own transaction:
  1. DATA, and after 354 the content; or one BDAT … LAST, where the client came by BDAT.
  2. The client gets the server's reply, whatever it is. It settles the message.

Replace, in a transaction of its own:
  1. RSET ends the client's transaction. 2. MAIL FROM the replacement's sender. 3. RCPT TO every recipient of the message.
  4. DATA and content as above. The client gets the first refusal else, and then the server's reply.

Refuse: RSET, and when it got 250 our reply. That goes before every final reply of the device's own, a refused replacement
included: a server that is still in a transaction and a client that isn't would disagree about the next message.

A message that is being handed on while it is inspected (streaming) only needs its end where it goes on as it came. Else its
connection is cut, and what goes on instead goes over another one; after the reply to it the client can only leave.
"""

from collections.abc import Iterable, Sequence
from itertools import chain

from device.actions.outcome import Deliver, Outcome, Refuse, Replace
from device.smtp.effects import SendAnew
from device.smtp.exchange import Exchange
from device.smtp.framing import stuffed
from device.smtp.grammar import CRLF
from device.smtp.introduction import ClientAddress, header_of
from device.smtp.reply import Reply
from device.smtp.second_delivery import Mail
from device.smtp.states import Signal, State
from device.smtp.streaming import Streaming


class Outgoing:
    """Carries one outcome out."""

    def __init__(self, exchange: Exchange, streaming: Streaming, introduce: ClientAddress) -> None:
        self._exchange = exchange
        self._streaming = streaming
        self._introduce = introduce
        self._refusal: Reply | None = None
        self._content: Iterable[bytes] = ()
        self._replacing = False
        self._unanswered = 0
        self._first_refusal: Reply | None = None

    def decided(self, outcome: Outcome) -> None:
        """Inspection has spoken; too late, if the session has gone elsewhere meanwhile."""
        if self._exchange.state is not State.DECIDING:
            return
        match outcome:
            case Refuse(reply):
                self._exchange.note("session.message-refused", reply)
                self._exchange.abandon_message()
                self.refuse(reply)
            case Deliver(content, changed):
                self._deliver(content, changed=changed)
            case Replace():
                self._replace(outcome)

    def refuse(self, reply: Reply) -> None:
        """Our own final reply."""
        if self._streaming.begun:
            self._streaming.hold()
            self._exchange.cut_server()
            self._exchange.part(reply)
            return
        self._exchange.move(Signal.REFUSE)
        self._exchange.upstream.ask((b"RSET\r\n",), lambda reset: self._own_reply(reply, reset))

    def sent_anew(self, reply: Reply | None, *, sent: bool) -> None:
        """The second delivery is over, with the server's word or without."""
        exchange = self._exchange
        if exchange.state is not State.RESENDING:
            return
        if reply is None:
            if not sent:
                exchange.abandon_message()
            exchange.break_off("server.lost")
        else:
            exchange.settle_message(reply)
            exchange.part(reply)

    def _deliver(self, content: Iterable[bytes], *, changed: bool) -> None:
        self._replacing = False
        if self._streaming.begun:
            self._deliver_end(content, changed=changed)
        elif self._streaming.refused and self._refusal is not None:
            self._refused(self._refusal)
        elif self._exchange.by_chunks:
            self._exchange.move(Signal.DELIVER_CHUNK)
            size = sum(map(len, content))
            self._exchange.upstream.ask(chain((b"BDAT %d LAST\r\n" % size,), content), self._answered)
        else:
            self._exchange.move(Signal.DELIVER)
            self._offer(content)

    def _deliver_end(self, content: Iterable[bytes], *, changed: bool) -> None:
        if changed:
            transaction = self._exchange.transaction.envelope()
            mail = _command(b"MAIL FROM", transaction.mail_from, transaction.mail_parameters)
            recipients = [_command(b"RCPT TO", each.path, each.parameters) for each in transaction.recipients]
            self._send_anew(mail, recipients, content)
        elif self._streaming.open:
            self._exchange.move(Signal.DELIVER_END)
            self._exchange.upstream.ask(self._streaming.rest(), self._answered)
        else:
            self._exchange.move(Signal.DELIVER)  # its DATA is on the way

    def stream_opened(self, reply: Reply) -> None:
        """354 or a refusal, to the DATA of a message that is still coming in, or is being decided, or may go on already."""
        exchange = self._exchange
        decided = exchange.state is State.OFFERING
        if reply.code != 354:
            self._refusal = reply
            if decided:
                self._refused(reply)
        elif decided:
            exchange.move(Signal.GO_AHEAD)
            exchange.upstream.ask(self._streaming.rest(), self._answered)
        else:
            self._streaming.send_on()

    def _send_anew(self, mail: bytes, recipients: Sequence[bytes], content: Iterable[bytes]) -> None:
        exchange = self._exchange
        exchange.note("session.cut-off")
        exchange.move(Signal.CUT)
        exchange.cut_server()
        self._streaming.hold()
        header = header_of(self._introduce, exchange.peers)
        exchange.effects.append(SendAnew(Mail(header, exchange.greeting, mail, tuple(recipients), content)))

    def _offer(self, content: Iterable[bytes]) -> None:
        self._content = content
        self._exchange.upstream.ask((b"DATA\r\n",), self._offered)

    def _offered(self, reply: Reply) -> None:
        """The server's word to DATA: 354, or the message stays here."""
        content, self._content = self._content, ()
        if reply.code == 354:
            self._exchange.move(Signal.GO_AHEAD)
            self._exchange.upstream.ask(stuffed(content), self._answered)
        elif reply.code >= 400:
            self._refused(reply)
        else:
            self._exchange.break_off("server.unexpected-reply")

    def _answered(self, reply: Reply) -> None:
        """The server's word to the message. After a refused BDAT it may hold on to the transaction (RFC 3030, section 3)."""
        exchange = self._exchange
        if 300 <= reply.code < 400:
            exchange.break_off("server.unexpected-reply")
        elif reply.positive or reply.code == 421 or not (self._replacing or exchange.by_chunks):
            exchange.move(Signal.ANSWERED)
            exchange.end_transaction()
            exchange.downstream.say(reply)
            exchange.settle_message(reply)
            if reply.code == 421:
                exchange.close()
        else:
            self._refused(reply)

    def _refused(self, reply: Reply) -> None:
        """The server's refusal becomes the client's final reply, when RSET has brought both sides together again."""
        self._exchange.word = reply
        self._exchange.move(Signal.REFUSE)
        then = self._own_reply if self._replacing else self._servers_reply
        self._exchange.upstream.ask((b"RSET\r\n",), lambda reset: then(reply, reset))

    def _own_reply(self, reply: Reply, reset: Reply) -> None:
        if reset.code == 250:
            self._finish(reply)
        else:
            self._exchange.break_off("server.refused-reset")

    def _servers_reply(self, reply: Reply, reset: Reply) -> None:
        """The client gets it whatever it is, even if nothing can follow."""
        self._finish(reply)
        if reset.code != 250:
            self._exchange.break_off("server.refused-reset")

    def _finish(self, reply: Reply) -> None:
        exchange = self._exchange
        exchange.move(Signal.CLEARED)
        exchange.end_transaction()
        exchange.downstream.say(reply)
        if exchange.word is not None:
            exchange.settle_message(exchange.word)

    def _replace(self, outcome: Replace) -> None:
        if self._streaming.begun:
            self._send_anew(self._mail(outcome.mail_from), self._recipients(), (outcome.content,))
            return
        self._replacing = True
        self._exchange.move(Signal.REPLACE)
        self._exchange.upstream.ask((b"RSET\r\n",), lambda reply: self._cleared(outcome, reply))

    def _cleared(self, outcome: Replace, reply: Reply) -> None:
        exchange = self._exchange
        if reply.code != 250:
            exchange.break_off("server.refused-reset")
            return
        exchange.move(Signal.CLEARED)
        mail = self._mail(outcome.mail_from) + CRLF
        exchange.upstream.ask((mail,), lambda reply: self._sender_answered(outcome, reply))

    def _mail(self, mail_from: bytes) -> bytes:
        """A replacement's: no parameter but SMTPUTF8, and that only where an address needs it."""
        paths = (mail_from, *self._exchange.transaction.envelope().paths)
        needed = not all(path.isascii() for path in paths)
        international = needed and b"SMTPUTF8" in self._exchange.capabilities
        return _command(b"MAIL FROM", mail_from, (b"SMTPUTF8",) if international else ())

    def _recipients(self) -> list[bytes]:
        return [_command(b"RCPT TO", path) for path in self._exchange.transaction.envelope().paths]

    def _sender_answered(self, outcome: Replace, reply: Reply) -> None:
        self._first_refusal = None
        self._unanswered = 1
        for recipient in self._recipients() if reply.positive else ():
            self._unanswered += 1
            self._exchange.upstream.ask((recipient + CRLF,), lambda reply: self._addressed(outcome, reply), alone=False)
        self._addressed(outcome, reply)

    def _addressed(self, outcome: Replace, reply: Reply) -> None:
        """One of the replacement's MAIL and RCPTs is answered; the last answer decides."""
        if 300 <= reply.code < 400:
            self._exchange.break_off("server.unexpected-reply")
            return
        if not reply.positive and self._first_refusal is None:
            self._first_refusal = reply
        self._unanswered -= 1
        if self._unanswered:
            return
        if self._first_refusal is not None:
            self._refused(self._first_refusal)
        else:
            self._exchange.move(Signal.ADDRESSED)
            self._offer((outcome.content,))


def _command(verb: bytes, path: bytes, parameters: Sequence[bytes] = ()) -> bytes:
    """Without its line end."""
    return b" ".join((b"%b:<%b>" % (verb, path), *parameters))
