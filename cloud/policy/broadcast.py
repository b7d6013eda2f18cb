"""Tells the watchers of a realm that its policy has changed: a bell, not a queue. Who hears it reads what is in force."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto

from atp.identity import RealmId


class Heard(Enum):
    """Why a watcher woke."""

    CHANGE = auto()
    SILENCE = auto()
    END = auto()


class Watch:
    """One watcher's ear. Bells that ring between two waits are heard once."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._ended = False

    async def next(self, seconds: float) -> Heard:
        """Wait for a change, for the end of the service, or for that many seconds of silence."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return Heard.SILENCE
        self._rung.clear()
        return Heard.END if self._ended else Heard.CHANGE

    def ring(self) -> None:
        """Wake the watcher."""
        self._rung.set()

    def end(self) -> None:
        """Wake the watcher for the last time."""
        self._ended = True
        self._rung.set()


class PolicyBroadcast:
    """The bells of all realms. Belongs to one event loop."""

    def __init__(self) -> None:
        self._watches: dict[RealmId, set[Watch]] = {}
        self._ended = False

    @contextmanager
    def watch(self, realm_id: RealmId) -> Iterator[Watch]:
        """Listen for the length of the block. After end() a watch hears the end at once."""
        watch = Watch()
        if self._ended:
            watch.end()
        watches = self._watches.setdefault(realm_id, set())
        watches.add(watch)
        try:
            yield watch
        finally:
            watches.discard(watch)
            if not watches:
                self._watches.pop(realm_id, None)

    def changed(self, realm_id: RealmId) -> None:
        """The realm's policy was committed anew."""
        for watch in self._watches.get(realm_id, ()):
            watch.ring()

    def end(self) -> None:
        """The service goes down: every watcher is told, and every later one at once."""
        self._ended = True
        for watches in self._watches.values():
            for watch in watches:
                watch.end()
