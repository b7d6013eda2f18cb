"""What the device counts, since it was started. Names are the vendor's where it has them (docs/fidelity.md).

Source: Junos' YANG model, show services advanced-anti-malware statistics.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final


class Count(StrEnum):
    """One counter each; the value is its name on the wire and in `srx show statistics`."""

    SESSION_ACTIVE = "session-actives"
    SESSION_INTERESTED = "session-interested"
    SESSION_REFUSED = "session-refused"
    SESSION_UNINSPECTED = "session-uninspected"

    EMAIL_PROCESSED = "email-processed"
    EMAIL_SCANNED = "email-scanned"
    EMAIL_PERMITTED = "email-permitted"
    EMAIL_BLOCKED = "email-blocked"
    EMAIL_TAGGED = "email-tag-and-delivered"
    EMAIL_QUARANTINED = "email-quarantined"
    EMAIL_NOT_STORED = "email-not-stored"
    EMAIL_FALLBACK_BLOCKED = "email-fallback-blocked"
    EMAIL_FALLBACK_PERMITTED = "email-fallback-permitted"
    EMAIL_ALLOWLISTED = "email-hit-whitelist"
    EMAIL_BLOCKLISTED = "email-hit-blacklist"
    EMAIL_RELEASED = "email-released"
    EMAIL_FIRST_SEEN_PASSED = "email-first-seen-passed"
    EMAIL_FLAGGED_AFTERWARDS = "email-flagged-afterwards"
    EMAIL_NOT_TAKEN = "email-not-taken"
    EMAIL_NO_ROOM = "email-no-room"
    EMAIL_ABANDONED = "email-abandoned"

    FILE_SUBMISSION_SUCCESS = "file-submission-success"
    FILE_SUBMISSION_FAILURE = "file-submission-failure"
    FILE_SUBMISSION_NOT_NEEDED = "file-submission-not-needed"
    FILE_MEETS_THRESHOLD = "file-verdict-meets-threshold"
    FILE_UNDER_THRESHOLD = "file-verdict-under-threshold"

    PASS_REDEEMED = "pass-redeemed"  # noqa: S105 - a counter's name
    PASS_REFUSED = "pass-refused"  # noqa: S105 - a counter's name
    PASS_PUT_OFF = "pass-put-off"  # noqa: S105 - a counter's name

    EVENTS_DROPPED = "events-dropped"


GAUGES: Final = frozenset({Count.SESSION_ACTIVE.value})
"""What also falls: of a process that has ended, nothing of it is left."""


def summed(snapshots: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The counters of several processes as those of one."""
    total: Counter[str] = Counter()
    for each in snapshots:
        total.update(each)
    return in_order(total)


def in_order(values: Mapping[str, int]) -> dict[str, int]:
    """Every counter of the list, and every condition that occurred; in the list's order."""
    known = {name.value: values.get(name.value, 0) for name in Count}
    return known | {name: value for name, value in sorted(values.items()) if name not in known}


class Counters:
    """Numbers that rise, and gauges that also fall."""

    def __init__(self) -> None:
        self._values: Counter[str] = Counter()

    def add(self, name: Count, amount: int = 1) -> None:
        """Count it."""
        self._values[name] += amount

    def add_by_condition(self, name: Count, condition: str) -> None:
        """Count a fallback twice: in all, and by the condition that caused it."""
        self._values[name] += 1
        self._values[f"{name}-{condition}"] += 1

    def snapshot(self) -> dict[str, int]:
        """Every counter of the list, and every condition that occurred; in the list's order."""
        return in_order(self._values)


class SessionCount:
    """Counts sessions (device.smtp.sessions.SessionCounter)."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def opened(self) -> None:
        """A client came and is served."""
        self._counters.add(Count.SESSION_INTERESTED)
        self._counters.add(Count.SESSION_ACTIVE)

    def closed(self) -> None:
        """A session is over."""
        self._counters.add(Count.SESSION_ACTIVE, -1)

    def refused(self) -> None:
        """A client came and there was no room."""
        self._counters.add(Count.SESSION_REFUSED)

    def uninspected(self) -> None:
        """A session went into TLS that policy lets pass unread."""
        self._counters.add(Count.SESSION_UNINSPECTED)
