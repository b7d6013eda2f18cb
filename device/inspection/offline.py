"""`srx inspect`: captures and message files, inspected without a network.

A capture is told by its first bytes, whatever its name; everything else is a message. What is said of a file is one Told a
message. A session, or a file, that has no message and something to be said is one Told as well, without an envelope.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from device.errors import UnreadableFile
from device.inspection.foretelling import Inspected, foretell
from device.inspection.telling import as_text, of_session, without_message
from device.interception.capture import MAGIC, frames
from device.interception.connection import Session
from device.interception.connections import Connections
from device.interception.dissection import Dissection
from device.interception.overheard import Heard
from device.interception.remarks import Remark
from device.smtp.intake import Peers


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
        way = "" if self.peers is None else f" ({self.peers.client} → {self.peers.server})"
        return as_text(f"{self.file}{way}", self.inspected)


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
    dissection, sessions = Dissection(), list[Session[Inspected]]()
    connections = Connections(size_limit, foretell, sessions.append)
    for frame in frames(path):
        segment = dissection.segment(frame)
        if segment is not None:
            connections.feed(segment)
    dissection.finish()
    connections.finish()
    said = set(dissection.counts)
    for session in sessions:
        for inspected in of_session(session, said):
            yield Told(str(path), inspected, session.peers)
    if not sessions:
        yield Told(str(path), without_message({Remark.NO_SMTP, *said}))
