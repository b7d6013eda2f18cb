"""An SMTP dialogue that is only overheard: the messages in it, and where it can't be followed.

The client's bytes are read with the device's own grammar and framing, so that what is found is what the device would have found.
What a reply decides (DATA, STARTTLS, AUTH) is waited for; where it was not captured, the server is taken to have consented, and
that is said.
"""

import re
from collections.abc import Callable
from typing import Final

from device.interception.matching import BACKLOG, Kind, Matching, whatever
from device.interception.overheard import Body, Heard
from device.interception.reassembly import PIECE_COST
from device.interception.remarks import Remark
from device.message.envelope import Envelope, Recipient
from device.smtp import limits
from device.smtp.grammar import Command, chunk_header_of, path_of
from device.smtp.reply import Reply

HELD: Final = 1024 * 1024
"""Bytes of a client that may wait for a reply, until the reply is taken for lost."""

RECIPIENTS: Final = limits.SessionLimits().recipients
"""Of one message: those beyond it the device would have refused."""

_TLS_RECORD: Final = re.compile(rb"[\x14-\x17](?:\x03|$)")
"""How every TLS record begins (RFC 8446, 5.1), if only its first byte is there."""

_COMMAND: Final = re.compile(rb"(?:EHLO|HELO) [^ ]+|MAIL FROM: ?<[^>]*>.*|RSET|QUIT|STARTTLS", re.IGNORECASE)
"""What can only be a command, whatever stood before it."""

_BREAKS_CHUNKS: Final = frozenset({b"MAIL", b"DATA", b"EHLO", b"HELO", b"RSET"})


class Overhearing:
    """Follows one session: bytes and holes of both sides in, messages out."""

    def __init__(self, size_limit: int, hand_over: Callable[[Heard], None], *, from_start: bool) -> None:
        self.remarks: set[Remark] = set()
        self._size_limit = size_limit
        self._deliver = hand_over
        self._input = bytearray()
        self._read: Callable[[], bool] = self._first_words if from_start else self._search
        self._replies = Matching()
        self._mail: Envelope | None = None
        self._body: Body | None = None
        if from_start:
            self._replies.ask(whatever, kind=Kind.CONNECTION)  # gets the greeting
        else:
            self._assume()

    @property
    def _deaf(self) -> bool:
        """Whether nothing more can be read."""
        return self._read in (self._encrypted, self._ignored)

    @property
    def held(self) -> int:
        """Bytes of memory, about."""
        waiting = len(self._input) + PIECE_COST * self._replies.backlog
        return waiting if self._body is None else waiting + self._body.heard.held

    def hear_client(self, data: bytes) -> None:
        """The client sent this."""
        self._input += data
        self._go_on()
        if (self._replies.waits and len(self._input) > HELD) or self._replies.backlog > BACKLOG:
            self._assume()

    def hear_server(self, data: bytes) -> None:
        """The server sent this."""
        if self._deaf or self._replies.assumed:
            return
        if not self._replies.hear(data):
            self.remarks.add(Remark.REPLIES_ASSUMED)
        self._go_on()
        if self._replies.backlog > BACKLOG:
            self._assume()

    def lose_client(self, size: int) -> None:
        """So many bytes of the client were not captured."""
        if self._replies.waits:
            self._assume()
        if self._read == self._content and self._body is not None:
            if self._body.lose(size):
                self._end_content(self._body)
                self._lose_track()
        elif not self._deaf:
            self._lose_track()

    def lose_server(self) -> None:
        """Something of the server was not captured."""
        if not self._deaf:
            self._assume()

    def finish(self) -> None:
        """Nothing more comes: what is unanswered stays so, and a message without its end is told."""
        if self._replies.out_of_step:
            self.remarks.add(Remark.REPLIES_ASSUMED)
        if self._deaf:
            return
        if self._replies.matters:
            self._assume()
        if self._body is not None:
            self._body.heard.remarks.add(Remark.INCOMPLETE)
            self._hand_over(self._body.heard, None)

    def _go_on(self) -> None:
        while not self._replies.waits and self._read():
            pass

    def _assume(self) -> None:
        self.remarks.add(Remark.REPLIES_ASSUMED)
        self._replies.assume()
        self._go_on()

    def _lose_track(self) -> None:
        """It is not known any more whether the next bytes are commands, or what they answer."""
        self._input.clear()
        self._read = self._search
        self._assume()

    def _peek(self) -> bytes | None:
        """The next line with its end; None if it isn't whole."""
        end = self._input.find(b"\n")
        return None if end < 0 else bytes(self._input[: end + 1])

    def _line(self) -> bytes | None:
        """The same without its end, and taken."""
        line = self._peek()
        if line is None:
            return None
        del self._input[: len(line)]
        return line.removesuffix(b"\n").removesuffix(b"\r")

    def _first_words(self) -> bool:
        """A TLS record, or the first command."""
        if not self._input:
            return False
        if _TLS_RECORD.match(self._input):
            return len(self._input) > 1 and self._encrypt(Remark.IMPLICIT_TLS)
        self._read = self._command
        return True

    def _search(self) -> bool:
        """Passes over lines up to one that can only be a command."""
        if _TLS_RECORD.match(self._input):
            return len(self._input) > 1 and self._encrypt(Remark.IMPLICIT_TLS)
        line = self._peek()
        if line is None:
            del self._input[: -limits.LINE]
        elif _COMMAND.fullmatch(line.rstrip(b"\r\n")) is None:
            del self._input[: len(line)]
        else:
            self._read = self._command
            self.remarks.add(Remark.SEARCHED)
        return line is not None

    def _command(self) -> bool:
        """Takes one command."""
        line = self._line()
        if line is None:
            return False
        command = Command.of(line)
        if command.odd or len(line) > limits.LINE:
            self.remarks.add(Remark.ODD_LINE)
        if self._body is not None and command.verb in _BREAKS_CHUNKS:
            self._break_off_chunks(command)
        self._take(command)
        return True

    def _take(self, command: Command) -> None:
        match command.verb:
            case b"MAIL":
                self._replies.ask(lambda reply: self._mailed(command, reply))
            case b"RCPT":
                self._replies.ask(lambda reply: self._addressed(command, reply))
            case b"EHLO" | b"HELO" | b"RSET":
                self._replies.ask(self._forgotten)
            case b"DATA":
                self._replies.ask(self._answered_data, kind=Kind.DATA, waits=True)
            case b"BDAT":
                self._open_chunk(command)
            case b"STARTTLS":
                self._replies.ask(self._answered_starttls, waits=True)
            case b"AUTH":
                self._replies.ask(self._answered_auth, waits=True)
            case _:
                self._replies.ask(whatever)

    def _mailed(self, command: Command, reply: Reply | None) -> None:
        path = path_of(command, b"FROM")
        if path is not None and _consents(reply):
            self._mail = Envelope(path.path, (), path.parameters)

    def _addressed(self, command: Command, reply: Reply | None) -> None:
        path, mail = path_of(command, b"TO"), self._mail
        if path is None or mail is None or not _consents(reply):
            return
        if len(mail.recipients) >= RECIPIENTS:
            self.remarks.add(Remark.TOO_MANY_RECIPIENTS)
            return
        recipients = (*mail.recipients, Recipient(path.path, path.parameters))
        self._mail = Envelope(mail.mail_from, recipients, mail.mail_parameters)

    def _forgotten(self, reply: Reply | None) -> None:
        if _consents(reply):
            self._mail = None

    def _answered_auth(self, reply: Reply | None) -> None:
        """334 asks for one line more, that is no command (RFC 4954, section 4)."""
        if reply is not None and reply.code == 334:
            self._read = self._response

    def _response(self) -> bool:
        if self._line() is None:
            return False
        self._read = self._command
        self._replies.ask(self._answered_auth, waits=True)
        return True

    def _answered_starttls(self, reply: Reply | None) -> None:
        if reply is None:
            self._read = self._perhaps_encrypted
        elif reply.positive:
            self._encrypt(Remark.STARTTLS)

    def _perhaps_encrypted(self) -> bool:
        """What follows a STARTTLS whose reply was not captured."""
        if len(self._input) < 2:
            return False
        self._read = self._command
        return self._encrypt(Remark.STARTTLS) if _TLS_RECORD.match(self._input) else True

    def _encrypt(self, remark: Remark) -> bool:
        self.remarks.add(remark)
        self._read = self._encrypted
        return True

    def _encrypted(self) -> bool:
        """Only the first bytes can be told: a TLS record, or commands that somebody put behind STARTTLS."""
        if self._input and not _TLS_RECORD.match(self._input):
            self.remarks.add(Remark.INJECTED)
        if len(self._input) > 1:
            self._read = self._ignored
            return True
        return False

    def _ignored(self) -> bool:
        self._input.clear()
        return False

    def _answered_data(self, reply: Reply | None) -> None:
        if reply is None or reply.code == 354:
            self._body = Body(self._size_limit)
            self._read = self._content

    def _open_chunk(self, command: Command) -> None:
        header = chunk_header_of(command)
        if header is None:
            self.remarks.add(Remark.UNREADABLE_CHUNK)
            self._read = self._ignored
            return
        self._body = self._body or Body(self._size_limit)
        self._body.open_chunk(header)
        self._read = self._content
        if not header.size:
            self._end_chunk_of_nothing(self._body)

    def _end_chunk_of_nothing(self, body: Body) -> None:
        body.feed(b"")
        self._end_content(body)

    def _break_off_chunks(self, command: Command) -> None:
        """A message by BDAT that something else comes between: it never ends."""
        if command.verb in (b"MAIL", b"DATA"):
            self.remarks.add(Remark.MIXED)
        self._body = None

    def _content(self) -> bool:
        """Takes all input into the message; false, if there is none."""
        if self._body is None or not self._input:
            return False
        rest = self._body.feed(bytes(self._input))
        self._input.clear()
        if rest is None:
            return False
        self._input += rest
        self._end_content(self._body)
        return True

    def _end_content(self, body: Body) -> None:
        """This DATA or chunk has ended, and perhaps the message."""
        self._read = self._command
        if body.complete:
            self._body = None
            self._replies.ask(lambda reply: self._hand_over(body.heard, reply))
        else:
            self._replies.ask(whatever)

    def _hand_over(self, heard: Heard, reply: Reply | None) -> None:
        heard.envelope, self._mail = self._mail, None
        if not _consents(reply):
            heard.remarks.add(Remark.SERVER_REFUSED)
        self._deliver(heard)


def _consents(reply: Reply | None) -> bool:
    """Whether the server said yes, or may have."""
    return reply is None or reply.positive
