"""What is to be said of a session that was only overheard, by stable names; MEANING says each in a sentence."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Remark(StrEnum):
    """One thing to say."""

    STARTED_IN_THE_MIDDLE = "tcp.started-in-the-middle"
    OUT_OF_ORDER = "tcp.out-of-order"
    RETRANSMITTED = "tcp.retransmitted"
    OVERLAP_DIFFERS = "tcp.overlap-differs"
    LOST = "tcp.lost"
    CUT_PACKETS = "tcp.cut-packets"
    UNENDED = "tcp.unended"
    GIVEN_UP = "tcp.given-up"
    FRAGMENTS = "capture.fragments"
    FRAGMENTS_LOST = "capture.fragments-lost"
    DAMAGED = "capture.damaged-packets"
    CAPTURE_CUT = "capture.cut"
    UNKNOWN_LINK = "capture.unknown-link"
    NO_SMTP = "capture.no-smtp"
    NO_MESSAGE = "smtp.no-message"
    REPLIES_ASSUMED = "smtp.replies-assumed"
    SEARCHED = "smtp.searched"
    ODD_LINE = "smtp.odd-line"
    TOO_MANY_RECIPIENTS = "smtp.too-many-recipients"
    UNREADABLE_CHUNK = "smtp.unreadable-chunk"
    BAD_CHUNK = "smtp.bad-chunk"
    MIXED = "smtp.mixed"
    BARE_LINE_END = "smtp.bare-line-end"
    TOO_BIG = "smtp.too-big"
    INCOMPLETE = "smtp.incomplete"
    HOLE = "smtp.hole"
    SERVER_REFUSED = "smtp.server-refused"
    STARTTLS = "tls.starttls"
    IMPLICIT_TLS = "tls.implicit"
    INJECTED = "tls.injected"


MEANING: Final[Mapping[str, str]] = MappingProxyType(
    {
        Remark.STARTED_IN_THE_MIDDLE: "the capture has no beginning of the connection",
        Remark.OUT_OF_ORDER: "segments came out of order, or with something missing before them",
        Remark.RETRANSMITTED: "segments came more than once, the same each time",
        Remark.OVERLAP_DIFFERS: "bytes came twice and differ: the first copy counts, a receiver may have taken the other",
        Remark.LOST: "bytes of the connection were not captured",
        Remark.CUT_PACKETS: "packets were captured only in part",
        Remark.UNENDED: "the capture ends before the connection",
        Remark.GIVEN_UP: "the connection was given up before its end: silent for too long, or too much to be kept",
        Remark.FRAGMENTS: "IP packets that came in pieces, put together",
        Remark.FRAGMENTS_LOST: "IP packets that came in pieces and can't be put together: what is missing then, TCP misses",
        Remark.DAMAGED: "packets whose headers can't be read",
        Remark.CAPTURE_CUT: "the file ends within a packet",
        Remark.UNKNOWN_LINK: "packets of a link layer that is not known",
        Remark.NO_SMTP: "no SMTP was found",
        Remark.NO_MESSAGE: "a session without a message",
        Remark.REPLIES_ASSUMED: "replies of the server are missing, or are no SMTP: where they are, its consent is assumed",
        Remark.SEARCHED: "the dialogue was lost, and found again at a command",
        Remark.ODD_LINE: "a command with a bare CR or a NUL, or too long: the device would refuse it",
        Remark.TOO_MANY_RECIPIENTS: "more recipients than the device takes: it would refuse the rest, and they are left out",
        Remark.UNREADABLE_CHUNK: "BDAT whose size can't be read: the device would end the session",
        Remark.BAD_CHUNK: "BDAT with something odd behind its size: the device would refuse the message",
        Remark.MIXED: "MAIL or DATA within a message that comes by BDAT: the device would refuse it",
        Remark.BARE_LINE_END: "a dot that some server takes for the message's end: the device would refuse the message",
        Remark.TOO_BIG: "larger than the device takes",
        Remark.INCOMPLETE: "the end of the message was not captured",
        Remark.HOLE: "bytes are missing within the message: sizes and digests are of what is left",
        Remark.SERVER_REFUSED: "the server refused the message",
        Remark.STARTTLS: "STARTTLS: what follows is encrypted, and was not read",
        Remark.IMPLICIT_TLS: "encrypted, and not read",
        Remark.INJECTED: "something unencrypted stands behind STARTTLS: command injection",
    }
)
