"""What the device would have done with a message, as far as it can be told without a cloud.

The story is the inspector's (inspector.py), up to the first question for the cloud. Release passes and lists are the realm's, and
scores the cloud's: where the message's fate hangs on them, that is what is said.

    what is seen                                     what is said
    -----------------------------------------------  ----------------------------------------
    the message has no end                           would abandon: the message has no end
    a bare line end around a dot, an odd chunk       would refuse: the session's own reply
    larger than the limit                            would refuse: 552 5.3.4 …
    more headers, depth or parts than the limit      would refuse: 554 5.6.0 …
    nothing in it is inspected                       would deliver: no-attachment
    otherwise                                        would ask the cloud: the scores of so many files decide
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from device.actions import replies
from device.inspection import decision, passes
from device.interception.overheard import Heard
from device.interception.remarks import Remark
from device.message.mime import Scanner
from device.message.reading import Part, Reading
from device.message.second_opinion import with_second_opinion
from device.smtp import answers
from device.smtp.reply import Reply

UNCHECKED: Final = "pass.unchecked"
"""A release pass stands in the message; only a realm's keys tell whether it holds."""

_REFUSED: Final = {
    Remark.BARE_LINE_END: answers.BARE_LINE_END,
    Remark.BAD_CHUNK: answers.BAD_ARGUMENT,
    Remark.TOO_BIG: answers.TOO_BIG,
}


@dataclass(frozen=True, slots=True)
class Attachment:
    """One inspected part: its name for people, declared type, decoded size, and SHA-256 in hexadecimal."""

    name: str
    type: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Inspected:
    """What there is to say of one message. `mail_from` is None where no envelope is known, empty for the null path."""

    mail_from: str | None
    rcpt_to: tuple[str, ...]
    attachments: tuple[Attachment, ...]
    notes: tuple[str, ...]


def foretell(heard: Heard) -> Inspected:
    """Read a message that was overheard, or came from a file, and say what would become of it."""
    reading = None if Remark.TOO_BIG in heard.remarks else _read(heard.content)
    findings = () if reading is None else reading.findings
    marked = (UNCHECKED,) if passes.may_carry_one(heard.content) else ()
    envelope = heard.envelope
    return Inspected(
        mail_from=None if envelope is None else _text(envelope.mail_from),
        rcpt_to=() if envelope is None else tuple(_text(path) for path in envelope.paths),
        attachments=() if reading is None else tuple(_attachment(part) for part in reading.inspected),
        notes=(_fate(heard.remarks, reading), *sorted(heard.remarks), *findings, *marked),
    )


def _read(content: Sequence[bytes]) -> Reading:
    scanner = Scanner()
    for piece in content:
        scanner.feed(piece)
    return with_second_opinion(content, scanner.close())


def _fate(remarks: set[Remark], reading: Reading | None) -> str:
    """The table on top, read from top to bottom."""
    if Remark.INCOMPLETE in remarks:
        return "would abandon: the message has no end"
    for remark, reply in _REFUSED.items():
        if remark in remarks:
            return _refused(reply)
    if reading is None or reading.exceeded is not None:
        return _refused(replies.OVER_LIMITS)
    if not reading.inspected:
        return f"would deliver: {decision.without_attachment().reason}"
    digests = {part.sha256 for part in reading.inspected}
    return f"would ask the cloud: {'the score' if len(digests) == 1 else 'the scores'} of {_files(len(digests))}"


def _files(number: int) -> str:
    return "1 file decides" if number == 1 else f"{number} files decide"


def _refused(reply: Reply) -> str:
    return f"would refuse: {reply.wire().decode('ascii').strip()}"


def _attachment(part: Part) -> Attachment:
    return Attachment(part.name, part.content_type, part.size, part.sha256.hex())


def _text(path: bytes) -> str:
    """An address for people and JSON; what is no UTF-8 is shown escaped."""
    return path.decode("utf-8", "backslashreplace")
