"""Commands and replies, as bytes become them.

Source: RFC 5321, section 4.1 and 4.2. Commands are read as leniently as Postfix does where both sides still understand the same
(a blank after the colon, no angle brackets), and refused where a server could understand something else.
"""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from device.smtp import limits
from device.smtp.reply import Reply

CRLF: Final = b"\r\n"

PATH: Final = re.compile(
    rb"""[ \t]*
    (?: < (?: @[^:<>"\s]*: )?                                # a source route, which RFC 5321 (4.1.1.3) says to ignore
          ( (?: "(?:[^"\\]|\\.)*" | [^<>"\s\\] | \\. )* ) >  # local part, perhaps quoted, and domain
      | ( [^<>"\s]+ )                                        # a bare address, as Postfix takes it
    )
    ( (?: [ \t]+ [^\s]+ )* ) [ \t]*""",
    re.VERBOSE | re.DOTALL,
)
PARAMETER: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9-]*(?:=[^\x00-\x20\x7f]*)?")


ONE_LINE: Final = re.compile(rb"([2-5][0-9]{2})(?: ([^\n]*?))?\r?\n")
"""Most replies: one line, and all of it in one piece."""


class Command(NamedTuple):
    """One command line without its line end: the verb in upper case, and what follows it."""

    line: bytes
    verb: bytes
    argument: bytes

    @classmethod
    def of(cls, line: bytes) -> Self:
        """Splits at the first blank; MAIL and RCPT have theirs before FROM: and TO:, which path_of looks at."""
        verb, _, argument = line.partition(b" ")
        return cls(line, verb.strip().upper(), argument.strip(b" \t"))

    @property
    def odd(self) -> bool:
        """Whether the line holds a byte at which another reader could end it or cut it."""
        return b"\r" in self.line or b"\0" in self.line


class Path(NamedTuple):
    """MAIL's or RCPT's argument: the path without brackets and source route, and the parameters as received."""

    path: bytes
    parameters: tuple[bytes, ...]

    def value_of(self, keyword: bytes) -> bytes | None:
        """That parameter's value; empty for one without, None if it isn't there."""
        for parameter in self.parameters:
            name, _, value = parameter.partition(b"=")
            if name.upper() == keyword:
                return value
        return None


def path_of(command: Command, introduction: bytes) -> Path | None:
    """What follows FROM: or TO: (`introduction`); None if it is neither a path nor its parameters."""
    head, colon, rest = command.argument.partition(b":")
    if not colon or head.strip().upper() != introduction:
        return None
    match = PATH.fullmatch(rest)
    if match is None:
        return None
    parameters = tuple(match[3].split())
    if not all(PARAMETER.fullmatch(each) for each in parameters):
        return None
    return Path(match[2] if match[1] is None else match[1], parameters)


@dataclass(frozen=True, slots=True)
class ChunkHeader:
    """BDAT's argument. `well_formed` is false if more follows than LAST: its octets are still known."""

    size: int
    last: bool
    well_formed: bool


def chunk_header_of(command: Command) -> ChunkHeader | None:
    """BDAT's size and LAST (RFC 3030, section 2); None if the size can't be read, and with it where the next command starts."""
    words = command.argument.split()
    if not words or not words[0].isdigit() or len(words[0]) > limits.BDAT_DIGITS:
        return None
    last = len(words) > 1 and words[1].upper() == b"LAST"
    return ChunkHeader(int(words[0]), last, len(words) == 1 or (last and len(words) == 2))


class BadReply(Exception):
    """What the server sent is no SMTP reply."""


class ReplyReader:
    """Cuts a server's bytes into replies. Limits: REPLY_LINE, REPLY_SIZE; BadReply beyond them, and for anything else odd."""

    def __init__(self) -> None:
        self._rest = b""
        self._code = 0
        self._lines: list[bytes] = []
        self._size = 0

    @property
    def empty(self) -> bool:
        """Whether no part of a reply waits for its rest."""
        return not self._rest and not self._lines

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that are whole now."""
        if self.empty and (one := ONE_LINE.fullmatch(data)) is not None and len(data) <= limits.REPLY_LINE:
            return [Reply(int(one[1]), (one[2] or b"",))]
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > limits.REPLY_LINE:
            raise BadReply("a reply line without an end")
        return [reply for line in lines if (reply := self._line(line.removesuffix(b"\r"))) is not None]

    def _line(self, line: bytes) -> Reply | None:
        """One line more; the reply, if it was its last."""
        code, mark, text = line[:3], line[3:4], line[4:]
        if len(line) > limits.REPLY_LINE or not _is_code(code) or mark not in (b"", b" ", b"-"):
            raise BadReply("no reply line")
        if self._lines and int(code) != self._code:
            raise BadReply("a reply of several codes")
        self._code = int(code)
        self._lines.append(text)
        self._size += len(line)
        if self._size > limits.REPLY_SIZE:
            raise BadReply("a reply without an end")
        return None if mark == b"-" else self._whole()

    def _whole(self) -> Reply:
        reply = Reply(self._code, tuple(self._lines))
        self._lines, self._size = [], 0
        return reply


def _is_code(code: bytes) -> bool:
    return len(code) == 3 and code.isdigit() and code[:1] in b"2345"
