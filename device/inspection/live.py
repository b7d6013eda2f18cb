"""`srx tap`: what is overheard on an interface, said as each message ends. The reading is `srx inspect`'s (offline.py).

It runs for days, so connections are forgotten (interception/connections.py). A message is said with what is known of its session
by then; what comes to light later is said when the session is over.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from device.clock import Clock
from device.inspection.foretelling import Inspected, foretell
from device.inspection.telling import as_text, of_messages, of_session
from device.interception.connection import Session
from device.interception.connections import Bounds, Connections
from device.interception.dissection import Dissection
from device.interception.packets import Frame
from device.smtp.intake import Peers


@dataclass(frozen=True, slots=True)
class Told:
    """One message, or what there is to say of a session without one; `time` is when its last packet passed."""

    interface: str
    time: datetime
    peers: Peers
    inspected: Inspected

    @property
    def is_message(self) -> bool:
        """Whether there was a message: else only its session is spoken of."""
        return any(note.startswith("would ") for note in self.inspected.notes)

    def as_json(self) -> dict[str, Any]:
        """For machines: where, when, who with whom, and the fields of Inspected."""
        return {
            "interface": self.interface,
            "time": self.time.isoformat(),
            "client": str(self.peers.client),
            "server": str(self.peers.server),
            **asdict(self.inspected),
        }

    def as_text(self) -> str:
        """For people."""
        time = self.time.isoformat(timespec="milliseconds")
        return as_text(f"{time} {self.interface} ({self.peers.client} → {self.peers.server})", self.inspected)


class Tap:
    """Frames in, what is said of them out. `elapsed` are seconds of a clock that only goes forward."""

    def __init__(
        self,
        interface: str,
        ports: frozenset[int],
        size_limit: int,
        bounds: Bounds,
        *,
        clock: Clock,
        elapsed: Callable[[], float],
    ) -> None:
        self._interface = interface
        self._ports = ports
        self._clock = clock
        self._elapsed = elapsed
        self._began = elapsed()
        self._over: list[Session[Inspected]] = []
        self._dissection = Dissection()
        self._connections = Connections(size_limit, foretell, self._over.append, bounds, ports)
        self._packets = 0
        self._told: Counter[bool] = Counter()

    def feed(self, frame: Frame) -> Iterator[Told]:
        """One more frame."""
        segment = self._dissection.segment(frame)
        if segment is None or not self._ports & {segment.source.port, segment.destination.port}:
            return
        self._packets += 1
        at = datetime.fromtimestamp(frame.time, UTC)
        connection = self._connections.feed(segment, self._elapsed())
        if connection.has_news and (session := connection.so_far()) is not None:
            yield from self._tell(session, of_messages(session), at)
        yield from self._tell_of_ended(at)

    def expire(self) -> Iterator[Told]:
        """Time has passed: connections are forgotten."""
        self._connections.expire(self._elapsed())
        yield from self._tell_of_ended(self._clock())

    def finish(self) -> Iterator[Told]:
        """Nothing more comes."""
        self._dissection.finish()
        self._connections.finish()
        yield from self._tell_of_ended(self._clock())

    def summary(self) -> dict[str, Any]:
        """What there was: time in seconds; packets of the ports; connections, and those given up by reason; packets by remark."""
        return {
            "interface": self._interface,
            "seconds": round(self._elapsed() - self._began, 3),
            "packets": self._packets,
            "connections": self._connections.seen,
            "given_up": {reason.value: count for reason, count in sorted(self._connections.lost.items())},
            "messages": self._told[True],
            "sessions_without_message": self._told[False],
            "remarks": {remark.value: count for remark, count in sorted(self._dissection.counts.items())},
        }

    def _tell_of_ended(self, at: datetime) -> Iterator[Told]:
        while self._over:
            session = self._over.pop(0)
            yield from self._tell(session, of_session(session), at)

    def _tell(self, session: Session[Inspected], said: Iterator[Inspected], at: datetime) -> Iterator[Told]:
        for inspected in said:
            told = Told(self._interface, at, session.peers, inspected)
            self._told[told.is_message] += 1
            yield told
