"""The composition root of `srx tap`: an interface, what is said of its mail, and an end by signal or count.

Messages go to standard output; that it listens, and the summary at its end, to standard error.
"""

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Any, Final

from device.clock import system_clock
from device.errors import CannotTap, WrongSetting
from device.inspection.live import Tap, Told
from device.interception.connections import Bounds
from device.interception.live import LiveCapture
from device.interception.port_filter import PORTS_AT_MOST

HALF_OPEN: Final = 60.0
"""Seconds for a handshake: a client has sent its SYN six times by then (tcp(7), tcp_syn_retries)."""

IDLE: Final = 1800.0
"""Seconds of silence: what an SRX itself gives a TCP session, and three times what RFC 5321 (4.5.3.2) has anybody wait."""

LINGER: Final = 5.0
"""Seconds after the end for segments that were overtaken."""

_TURN: Final = 1.0
"""Seconds until connections are looked over again, and until a signal is noticed."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be tapped and how much is kept, sizes in bytes; `count` messages and no more, None: until it is told to stop."""

    interface: str
    ports: frozenset[int]
    promiscuous: bool
    max_message_size: int
    max_held_bytes: int
    max_connections: int
    count: int | None
    as_json: bool


def run(wanted: Wanted) -> None:
    """Tap until a signal comes or `count` is reached. Raises WrongSetting and CannotTap."""
    if len(wanted.ports) > PORTS_AT_MOST:
        raise WrongSetting(f"port was given {len(wanted.ports)} times", next_step=f"{PORTS_AT_MOST} times at most.")
    bounds = Bounds(wanted.max_connections, wanted.max_held_bytes, HALF_OPEN, IDLE, LINGER)
    tap = Tap(
        wanted.interface, wanted.ports, wanted.max_message_size, bounds, clock=system_clock, elapsed=time.monotonic
    )
    with LiveCapture(wanted.interface, wanted.ports, promiscuous=wanted.promiscuous) as capture, _stop() as stop:
        _say(_ready(wanted))
        try:
            _listen(capture, tap, stop, wanted)
        finally:
            summary = {**tap.summary(), "dropped_by_kernel": capture.dropped}
            _say(json.dumps(summary) if wanted.as_json else _as_text(summary))


def _listen(capture: LiveCapture, tap: Tap, stop: Event, wanted: Wanted) -> None:
    messages = 0
    for told in _heard(capture, tap, stop):
        sys.stdout.write(f"{json.dumps(told.as_json()) if wanted.as_json else told.as_text()}\n")
        sys.stdout.flush()
        messages += told.is_message
        if messages == wanted.count:
            return


def _heard(capture: LiveCapture, tap: Tap, stop: Event) -> Iterator[Told]:
    try:
        while not stop.is_set():
            for frame in capture.frames(_TURN):
                yield from tap.feed(frame)
            yield from tap.expire()
    except CannotTap:
        yield from tap.finish()
        raise
    yield from tap.finish()


@contextmanager
def _stop() -> Iterator[Event]:
    """Set by SIGINT or SIGTERM."""
    stop = Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _ready(wanted: Wanted) -> str:
    ports = ", ".join(map(str, sorted(wanted.ports)))
    mode = "promiscuous" if wanted.promiscuous else "not promiscuous: what is addressed to others may not be seen"
    return f"srx: listening on {wanted.interface} for TCP {ports} ({mode})"


def _as_text(summary: dict[str, Any]) -> str:
    told = {name: value for name, value in summary.items() if value not in ({}, None)}
    lines = (f"  {name.replace('_', ' ')}: {_counts(value)}" for name, value in told.items())
    return "\n".join(["srx: the tap ends", *lines])


def _counts(value: Any) -> str:
    return ", ".join(f"{count} {name}" for name, count in value.items()) if isinstance(value, dict) else str(value)
