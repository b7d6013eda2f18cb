"""`srx inspect`: captures and message files, inspected without a network.

A capture is told by its first bytes, whatever its name; everything else is a message. What is said of a file is one Told a
message. A session, or a file, that has no message and something to be said is one Told as well, without an envelope.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from device.errors import UnreadableFile
from device.inspection.foretelling import Inspected, foretell
from device.interception.capture import MAGIC, frames
from device.interception.connections import Connections, Session
from device.interception.overheard import Heard
from device.interception.packets import Segment, Unread, segment_of
from device.interception.remarks import MEANING, Remark
from device.smtp.intake import Peers

_SAID_OF_FRAMES: Final = {
    Unread.FRAGMENT: Remark.FRAGMENTS,
    Unread.DAMAGED: Remark.DAMAGED,
    Unread.LINK_TYPE: Remark.UNKNOWN_LINK,
}

_NOTHING: Final = Inspected(None, (), (), ())


@dataclass(frozen=True, slots=True)
class Told:
    """One message of a file, or what there is to say without one; `peers` where it was overheard."""

    file: str
    inspected: Inspected
    peers: Peers | None = None

    def as_json(self) -> dict[str, Any]:
        """For machines: the file, and the fields of Inspected."""
        return {"file": self.file, **asdict(self.inspected)}

    def as_text(self) -> str:
        """For people: a line for the message, one a file in it, one a note."""
        told, way = self.inspected, "" if self.peers is None else f" ({self.peers.client} → {self.peers.server})"
        lines = [f"{self.file}{way}"]
        if told.mail_from is not None:
            lines.append(f"  <{told.mail_from}> → {', '.join(f'<{path}>' for path in told.rcpt_to) or 'nobody'}")
        lines += [
            f"  {each.name or '(no name)'}, {each.type}, {each.bytes} bytes, {each.sha256}" for each in told.attachments
        ]
        lines += [f"  - {note}{f': {MEANING[note]}' if note in MEANING else ''}" for note in told.notes]
        return "\n".join(lines)


def inspect(path: Path, size_limit: int) -> Iterator[Told]:
    """What there is to say of a file, a message at a time; `size_limit` is the device's, in bytes. Raises UnreadableFile."""
    try:
        with path.open("rb") as file:
            begins = file.read(4)
        if begins.startswith(MAGIC):
            yield from _capture(path, size_limit)
        else:
            yield Told(str(path), foretell(_message(path, size_limit)))
    except OSError as error:
        raise UnreadableFile(f"{path} can't be read: {error.strerror or error}.") from error


def _message(path: Path, size_limit: int) -> Heard:
    """A message file: it has no envelope."""
    size = path.stat().st_size
    if size > size_limit:
        return Heard(size=size, remarks={Remark.TOO_BIG})
    return Heard(content=[path.read_bytes()], size=size)


def _capture(path: Path, size_limit: int) -> Iterator[Told]:
    """1. Frames to segments, 2. segments to sessions, 3. each session's messages, with what is said of all of it."""
    connections, remarks = Connections(size_limit, foretell), set[Remark]()
    for frame in frames(path):
        if frame.broken:
            remarks.add(Remark.CAPTURE_CUT)
        segment = segment_of(frame.data, frame.link_type)
        if isinstance(segment, Segment):
            connections.feed(segment)
        elif segment in _SAID_OF_FRAMES:
            remarks.add(_SAID_OF_FRAMES[segment])
    sessions = list(connections.finish())
    for session in sessions:
        yield from _session(path, session, remarks)
    if not sessions:
        yield Told(str(path), _with_notes(_NOTHING, {Remark.NO_SMTP, *remarks}))


def _session(path: Path, session: Session[Inspected], remarks: set[Remark]) -> Iterator[Told]:
    said = session.remarks | remarks
    for message in session.messages:
        yield Told(str(path), _with_notes(message, said), session.peers)
    if not session.messages:
        yield Told(str(path), _with_notes(_NOTHING, {Remark.NO_MESSAGE, *said}), session.peers)


def _with_notes(inspected: Inspected, remarks: set[Remark]) -> Inspected:
    more = sorted(remark for remark in remarks if remark not in inspected.notes)
    return Inspected(inspected.mail_from, inspected.rcpt_to, inspected.attachments, (*inspected.notes, *map(str, more)))
