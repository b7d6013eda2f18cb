"""Accounting: each message's outcome, counted and told once, when the server has spoken."""

from dataclasses import dataclass
from typing import Final

from device.inspection.decision import Decision, Reason, Scores, Verb
from device.inspection.policy import InspectionPolicy
from device.message.envelope import Envelope
from device.message.reading import Reading
from device.smtp.intake import Peers
from device.smtp.reply import Reply
from device.telemetry.counters import Count, Counters
from device.telemetry.events import EventName, Events

_EVENTS: Final = {
    Verb.DELIVER: EventName.MAIL_DELIVERED,
    Verb.TAG: EventName.MAIL_TAGGED,
    Verb.QUARANTINE: EventName.MAIL_QUARANTINED,
    Verb.BLOCK: EventName.MAIL_BLOCKED,
}
_VERBS: Final = {
    Verb.DELIVER: Count.EMAIL_PERMITTED,
    Verb.TAG: Count.EMAIL_TAGGED,
    Verb.QUARANTINE: Count.EMAIL_QUARANTINED,
    Verb.BLOCK: Count.EMAIL_BLOCKED,
}
_REASONS: Final = {
    Reason.ALLOWLISTED: Count.EMAIL_ALLOWLISTED,
    Reason.BLOCKLISTED: Count.EMAIL_BLOCKLISTED,
    Reason.RELEASED: Count.EMAIL_RELEASED,
    Reason.FIRST_SEEN: Count.EMAIL_FIRST_SEEN_PASSED,
}


@dataclass(frozen=True, slots=True)
class Decided:
    """One message and what was decided of it; `list_hit` names the list entry's kind where there was one."""

    peers: Peers
    envelope: Envelope
    reading: Reading
    decision: Decision
    message_id: str | None = None
    list_hit: str | None = None


class Account:
    """Counts and tells what became of messages."""

    def __init__(self, counters: Counters, events: Events) -> None:
        self._counters = counters
        self._events = events

    def scored(self, scores: Scores, policy: InspectionPolicy) -> None:
        """Verdicts came, or did not."""
        self._counters.add(Count.EMAIL_SCANNED)
        meets = sum(score >= policy.threshold for score in scores.known.values())
        self._counters.add(Count.FILE_MEETS_THRESHOLD, meets)
        self._counters.add(Count.FILE_UNDER_THRESHOLD, len(scores.known) - meets)

    def pass_redeemed(self) -> None:
        """A release pass held and was leased."""
        self._counters.add(Count.PASS_REDEEMED)

    def pass_refused(self, peers: Peers, why: str) -> None:
        """A release pass did not hold: its field was taken out, and the message is inspected like any other."""
        self._counters.add(Count.PASS_REFUSED)
        self._events.tell(EventName.PASS_REFUSED, why=why, client=peers.client.host)

    def pass_not_redeemed(self, peers: Peers, fault: str) -> None:
        """A release pass held, and the cloud could not say whether it has a use left: the sender tries again."""
        self._counters.add(Count.PASS_PUT_OFF)
        self._events.tell(EventName.PASS_PUT_OFF, fault=fault, client=peers.client.host)

    def no_room(self, peers: Peers) -> None:
        """The device holds as much mail as it may: the sender tries again."""
        self._counters.add(Count.EMAIL_NO_ROOM)
        self._events.tell(EventName.MAIL_NO_ROOM, client=peers.client.host)

    def not_stored(self, decided: Decided, fault: str) -> None:
        """A message was to be quarantined, and the cloud could not keep it."""
        self._counters.add(Count.EMAIL_NOT_STORED)
        self._events.tell(EventName.MAIL_NOT_STORED, fault=fault, **_fields(decided))

    def abandoned(self) -> None:
        """The client went away before its message was taken."""
        self._counters.add(Count.EMAIL_ABANDONED)

    def flagged_afterwards(self, decided: Decided, score: int) -> None:
        """A first-seen file that was let pass turned out to be malicious."""
        self._counters.add(Count.EMAIL_FLAGGED_AFTERWARDS)
        self._events.tell(EventName.MAIL_FLAGGED_AFTERWARDS, verdict=score, **_fields(decided))

    def settled(self, decided: Decided, reply: Reply | None) -> None:
        """The message's last word: the server's reply, or None where there was none (we refused, or the connection broke)."""
        decision = decided.decision
        self._counters.add(Count.EMAIL_PROCESSED)
        if decision.verb is not Verb.BLOCK and (reply is None or not reply.positive):
            self._counters.add(Count.EMAIL_NOT_TAKEN)
            code = None if reply is None else reply.code
            self._events.tell(EventName.MAIL_NOT_TAKEN, verb=decision.verb.value, reply=code, **_fields(decided))
            return
        self._counters.add(_VERBS[decision.verb])
        if decision.reason in _REASONS:
            self._counters.add(_REASONS[decision.reason])
        if decision.condition is not None:
            blocked = decision.verb is Verb.BLOCK
            name = Count.EMAIL_FALLBACK_BLOCKED if blocked else Count.EMAIL_FALLBACK_PERMITTED
            self._counters.add_by_condition(name, decision.condition.value)
        code = None if reply is None else reply.code
        self._events.tell(_EVENTS[decision.verb], reply=code, **_fields(decided))


def _fields(decided: Decided) -> dict[str, str | int | None]:
    """What is told of a message: who, how large, why; never what it says."""
    decision = decided.decision
    return {
        "reason": decision.reason.value,
        "score": decision.score,
        "condition": None if decision.condition is None else decision.condition.value,
        "list_hit": decided.list_hit,
        "client": decided.peers.client.host,
        "server": f"{decided.peers.server.host}:{decided.peers.server.port}",
        "mail_from": decided.envelope.mail_from.decode("utf-8", "replace"),
        "recipients": len(decided.envelope.recipients),
        "size": decided.reading.size,
        "files": len(decided.reading.inspected),
        "findings": ",".join(decided.reading.findings) or None,
        "message_id": decided.message_id,
    }
