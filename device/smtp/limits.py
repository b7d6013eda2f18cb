"""Every limit of a session, with its reason. Sizes in bytes, times in seconds.

Times are RFC 5321's (4.5.3.2): its minima for a client, since to the server the device is one, and its minimum for a server.
"""

from dataclasses import dataclass
from typing import Final

LINE: Final = 12_288
"""A command or AUTH line with its CRLF: RFC 4954 (section 4) asks for so much, everything else needs less (RFC 5321: 512)."""

REPLY_LINE: Final = 8_192
"""A reply line; RFC 5321 (4.5.3.1.5) says 512, and real servers put whole URLs and policies into their refusals."""

REPLY_SIZE: Final = 65_536
"""A whole reply. HELP texts reach some kilobytes; what is longer is no reply but a way to fill memory."""

INPUT_AHEAD: Final = 65_536
"""Client input that waits for its turn. Past it the device stops reading, so that TCP slows the client down."""

COMMANDS_IN_FLIGHT: Final = 100
"""Pipelined commands that await their replies; RFC 5321's smallest number of recipients, so a usual group goes in one flight."""

FEED_SIZE: Final = 16_384
"""Smaller pieces of a body are gathered up to this: a message sent byte by byte costs its size, not fifty times that."""

WRITE_SIZE: Final = 1_048_576
"""Bytes handed to a socket in one go: most messages whole with their terminator, large ones in steps that bound memory."""

WRITE_AHEAD: Final = 262_144
"""Bytes that may wait in a socket's own buffer before more is held back."""

BACKLOG: Final = 1_024
"""Connections that wait to be accepted; too few cost their clients a second of SYN retransmission each."""

LINGER: Final = 10.0
"""Seconds for a closed session's last words to be read. Closing at once with input unread would reset them away."""

LAST_LINGER: Final = 1.0
"""The same while the device stops: somebody waits for it."""

BDAT_DIGITS: Final = 19
"""Digits of a chunk's size: a 64-bit number. RFC 3030 names no limit; what is longer is an attack, not a size."""


HELLO: Final = 65_536
"""What a client may send up to the end of its ClientHello; post-quantum key shares make some kilobytes of it."""

CERTIFICATES: Final = 256
"""Names whose inspection certificates stay in memory, with their TLS contexts; the least used goes first."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long either side is waited for."""

    connect: float = 30.0
    """A server that is there answers a SYN at once; the client's own patience for the greeting is five minutes."""
    greeting: float = 300.0
    handshake: float = 60.0
    """A side's half of STARTTLS, from the 220 on: a few round trips, and whoever stalls there holds a place for nothing."""
    command: float = 300.0
    """A reply to MAIL, RCPT, RSET and the like, and a client's next command."""
    data_initiation: float = 120.0
    data_block: float = 180.0
    data_termination: float = 600.0
    message: float = 3600.0
    """A whole body, however it drips in: 50 MiB at 120 kbit/s. Not in the RFC, where one byte in 3 minutes may go on for ever."""
    decision: float = 600.0
    """The inspection keeps its own deadline (60 s by default); past this one the client has given up (4.5.3.2.6)."""
    keepalive: float = 45.0
    """Between two NOOPs to a server that waits: well under five minutes, and fewer than 100 (Postfix' junk limit) an hour."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What one listener grants."""

    sessions: int = 1_000
    """Above it 421 4.7.0. A thousand idle sessions cost little more than their sockets."""
    sessions_of_client: int = 1_000
    """Of one client's address; above it 421 4.7.0. As many as all by default: clients behind a relay have one address."""
    recipients: int = 1_000
    """Accepted recipients of one message; above it 452 4.5.3. RFC 5321 (4.5.3.1.8) asks for 100, Postfix takes 1,000."""
    message_size: int = 50 * 1024 * 1024
    """A message, dot-stuffing undone (RFC 1870). It is held, in memory or on disk; 50 MiB carry 35 MiB of attachments."""
    times: Times = Times()
