"""The goals, each for the figure of its section, subject and measure (docs/benchmarks.md says where they come from)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lab.bench.workload import HUGE, LARGE, SMALL


class Section(StrEnum):
    """What can be measured by itself."""

    RATES = "rates"
    CPU = "cpu"
    LATENCY = "latency"
    UNKNOWN = "unknown"
    UPLOAD = "upload"
    MEMORY = "memory"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that is to be reached, from below or from above."""

    limit: float
    at_least: bool

    def reached_by(self, value: float) -> bool:
        """Whether the value is good enough; the limit itself is."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


def at_least(limit: float) -> Goal:
    """Reached from this value up."""
    return Goal(limit, at_least=True)


def at_most(limit: float) -> Goal:
    """Reached from this value down."""
    return Goal(limit, at_least=False)


DEVICE_TO_DIRECT: Final = "device / direct"
DEVICE_TO_NGINX: Final = "device / nginx stream"
CPU_PER_MAIL: Final = "device, a mail"
CPU_PER_GIGABYTE: Final = "device, a GB"
ADDED_MEDIAN: Final = "added by the device, median"
ADDED_P99: Final = "added by the device, p99"
LATENCY_RATIO: Final = "device / direct, median"
STREAMED_RATIO: Final = "device streaming / direct, median"
TRIVIAL_TO_DIRECT: Final = "device and trivial scorer / direct"
UPLOAD: Final = "one file of 10 MB at a time"
UPLOAD_RATIO: Final = "device's upload / bare stream"
BASE: Final = "device at rest"
IDLE: Final = "idle session, plain text"
IDLE_ENCRYPTED: Final = "idle session, STARTTLS on both legs"
TEN_MEGABYTES: Final = "sessions with 10 MB each"
HELD: Final = "held before the final dot / wire size"
UPLOADING: Final = "peak while uploading / wire size"
SPILLED: Final = "held before the final dot, spilled to disk, a session"
RESIDENT: Final = "resident memory"

GOALS: Final[Mapping[tuple[Section, str, str], Goal]] = {
    (Section.RATES, SMALL.name, DEVICE_TO_DIRECT): at_least(0.45),
    (Section.RATES, SMALL.name, DEVICE_TO_NGINX): at_least(0.75),
    (Section.RATES, LARGE.name, DEVICE_TO_DIRECT): at_least(0.70),
    (Section.RATES, LARGE.name, DEVICE_TO_NGINX): at_least(0.80),
    (Section.RATES, HUGE.name, DEVICE_TO_DIRECT): at_least(0.70),
    (Section.CPU, SMALL.name, CPU_PER_MAIL): at_most(0.40),
    (Section.CPU, LARGE.name, CPU_PER_GIGABYTE): at_most(4.0),
    (Section.LATENCY, "10 KB, one client", ADDED_MEDIAN): at_most(1.0),
    (Section.LATENCY, "10 KB, one client", ADDED_P99): at_most(2.5),
    (Section.LATENCY, "1 MB, one client", LATENCY_RATIO): at_most(2.3),
    (Section.LATENCY, "10 MB, one client", STREAMED_RATIO): at_most(1.2),
    (Section.UNKNOWN, SMALL.name, TRIVIAL_TO_DIRECT): at_least(0.20),
    (Section.UNKNOWN, LARGE.name, TRIVIAL_TO_DIRECT): at_least(0.40),
    (Section.UPLOAD, UPLOAD, UPLOAD_RATIO): at_least(0.8),
    (Section.MEMORY, BASE, RESIDENT): at_most(80),
    (Section.MEMORY, IDLE, RESIDENT): at_most(16),
    (Section.MEMORY, IDLE_ENCRYPTED, RESIDENT): at_most(600),
    (Section.MEMORY, TEN_MEGABYTES, HELD): at_most(1.1),
    (Section.MEMORY, TEN_MEGABYTES, UPLOADING): at_most(2.0),
    (Section.MEMORY, TEN_MEGABYTES, SPILLED): at_most(1.0),
}
