"""Wrong links, counted by where they come from: who keeps guessing is told to wait.

A link that is right opens however many wrong ones came before it: behind a reverse proxy all clients have one address, and
a guesser must not lock the others out. Nothing is lost by that: 256 bits can't be guessed, at any rate. An IPv6 client
counts by its /64, which is what one customer has.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from cloud.clock import Clock
from cloud.errors import Busy

MAX_GUESSES: Final = 20
WINDOW: Final = timedelta(minutes=1)
MAX_SOURCES: Final = 10_000
"""Sources remembered; the one unheard of for longest is forgotten first."""


class Guesses:
    """The last wrong guesses of each source. In memory: a restart forgives."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows: OrderedDict[str, tuple[datetime, int]] = OrderedDict()

    def was_wrong(self, address: str) -> None:
        """Count a link that opened nothing. Raises Busy where that client tried too many."""
        source = _source(address)
        count = self._count(source)
        if count >= MAX_GUESSES:
            raise Busy(
                "Too many links that open nothing were tried from here.", next_step="Wait a minute, then try again."
            )
        start = self._windows[source][0] if count else self._clock()
        self._windows[source] = (start, count + 1)
        self._windows.move_to_end(source)
        if len(self._windows) > MAX_SOURCES:
            self._windows.popitem(last=False)

    def _count(self, source: str) -> int:
        start, count = self._windows.get(source, (self._clock(), 0))
        return count if self._clock() < start + WINDOW else 0


def _source(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address
