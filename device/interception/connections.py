"""Overheard segments sorted by connection, and connections forgotten when their time has come.

    phase       forgotten
    ----------  ----------------------------------------------------------------------------------------------------------
    half-open   after Bounds.half_open seconds
    open        after Bounds.idle seconds without a segment
    ended       after Bounds.linger seconds without a segment: what came out of order, or again, still finds its connection

Where there are more connections than Bounds.connections, the longest silent ended one goes, else half-open one, else open one: a
flood of SYNs pushes out no mail. Where they hold more than Bounds.held, the one goes that holds most. Each that goes before its
end is counted by its reason.
"""

import math
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic

from device.interception.connection import SMTP_PORTS, Connection, Message, Phase, Session
from device.interception.overheard import Heard
from device.interception.packets import Segment
from device.interception.remarks import Remark
from device.smtp.intake import Endpoint


class Lost(StrEnum):
    """Why a connection was given up before its end."""

    HALF_OPEN = "half-open"
    IDLE = "idle"
    TOO_MANY = "too-many"
    TOO_MUCH = "too-much"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept. Times in seconds, `held` in bytes over all connections."""

    connections: float = math.inf
    held: float = math.inf
    half_open: float = math.inf
    idle: float = math.inf
    linger: float = math.inf


UNBOUNDED: Final = Bounds()
"""For a file: it ends by itself, and its clock may jump."""

_LOST_BY_AGE: Final = {Phase.HALF_OPEN: Lost.HALF_OPEN, Phase.OPEN: Lost.IDLE}
_FIRST_TO_GO: Final = (Phase.ENDED, Phase.HALF_OPEN, Phase.OPEN)

_Ends = frozenset[Endpoint]


@dataclass(slots=True)
class _Entry(Generic[Message]):
    """A connection that is followed: which in order of their first segments, where it is queued, and since when it is silent."""

    number: int
    ends: _Ends
    connection: Connection[Message]
    phase: Phase
    silent_since: float
    held: int = 0


class Connections(Generic[Message]):
    """Every connection that is overheard. `read` makes of each message what is wanted, as soon as it is whole.

    `ended` gets each session once its connection is over: it ended, it was given up, or another one opened in its place.
    """

    def __init__(
        self,
        size_limit: int,
        read: Callable[[Heard], Message],
        ended: Callable[[Session[Message]], None],
        bounds: Bounds = UNBOUNDED,
        ports: frozenset[int] = SMTP_PORTS,
    ) -> None:
        self.seen = 0
        self.lost: Counter[Lost] = Counter()
        self._open: Callable[[Endpoint, Endpoint], Connection[Message]] = lambda one, other: Connection(
            one, other, size_limit, read, ports
        )
        self._ended = ended
        self._bounds = bounds
        self._patience = {Phase.HALF_OPEN: bounds.half_open, Phase.OPEN: bounds.idle, Phase.ENDED: bounds.linger}
        self._entries: dict[_Ends, _Entry[Message]] = {}
        self._queues: dict[Phase, OrderedDict[_Ends, _Entry[Message]]] = {phase: OrderedDict() for phase in Phase}
        self._held = 0

    def feed(self, segment: Segment, now: float = 0.0) -> Connection[Message]:
        """One more segment, at that time by any clock that only goes forward, in seconds; the connection that it is of."""
        ends = frozenset((segment.source, segment.destination))
        entry = self._entries.get(ends)
        if entry is not None and entry.connection.renewed_by(segment):
            self._finish(entry, Remark.UNENDED)
            entry = None
        if entry is None:
            entry = self._begin(ends, segment, now)
        entry.connection.feed(segment)
        self._queue(entry, now)
        self._make_room(entry)
        return entry.connection

    def expire(self, now: float) -> None:
        """Forget the connections whose time has come."""
        for phase, queue in self._queues.items():
            while queue and now - (entry := next(iter(queue.values()))).silent_since >= self._patience[phase]:
                self._give_up(entry, _LOST_BY_AGE.get(phase))

    def finish(self) -> None:
        """Nothing more comes: all that are left, in the order of their first segments."""
        for entry in sorted(self._entries.values(), key=lambda entry: entry.number):
            self._finish(entry, Remark.UNENDED)

    def _begin(self, ends: _Ends, segment: Segment, now: float) -> _Entry[Message]:
        connection = self._open(segment.source, segment.destination)
        entry = _Entry(self.seen, ends, connection, connection.phase, now)
        self.seen += 1
        self._entries[ends] = entry
        return entry

    def _queue(self, entry: _Entry[Message], now: float) -> None:
        """It was heard just now, so it goes to the end of its phase's queue."""
        self._queues[entry.phase].pop(entry.ends, None)
        entry.phase, entry.silent_since = entry.connection.phase, now
        self._queues[entry.phase][entry.ends] = entry
        held = entry.connection.held
        self._held += held - entry.held
        entry.held = held

    def _make_room(self, heard: _Entry[Message]) -> None:
        """Only for bytes does the connection go that was heard just now."""
        while len(self._entries) > self._bounds.connections:
            longest_silent = (next(iter(self._queues[phase].values()), heard) for phase in _FIRST_TO_GO)
            entry = next(entry for entry in longest_silent if entry is not heard)
            self._give_up(entry, None if entry.phase is Phase.ENDED else Lost.TOO_MANY)
        while self._held > self._bounds.held:
            self._give_up(max(self._entries.values(), key=lambda entry: entry.held), Lost.TOO_MUCH)

    def _give_up(self, entry: _Entry[Message], reason: Lost | None) -> None:
        """Forget it; None: it had ended anyway."""
        if reason is not None:
            self.lost[reason] += 1
        self._finish(entry, Remark.GIVEN_UP)

    def _finish(self, entry: _Entry[Message], unended: Remark) -> None:
        del self._entries[entry.ends], self._queues[entry.phase][entry.ends]
        self._held -= entry.held
        session = entry.connection.finish(unended)
        if session is not None:
            self._ended(session)
