"""The decision: what is known of a message → what is to be done with it, and why. A table, read from top to bottom.

    what is known                                             what is done               reason
    --------------------------------------------------------  -------------------------  ---------------
    headers, depth or parts over the limit                    block 554 5.6.0            limits
    a release pass that holds                                 deliver, uninspected       released
    on the allowlist                                          deliver, unscanned         allowlisted
    on the blocklist                                          as malicious               blocklisted
    nothing in it is inspected                                deliver, no analysis       no-attachment
    worst score >= threshold                                  as malicious               malicious
    a verdict is unknown, whatever the other scores           fallback of its condition  unknown
    content is first seen, and is not held (first-seen pass)  deliver, flag afterwards   first-seen
    worst score < threshold                                   deliver                    under-threshold

"As malicious" is the realm's action: permit, tag, or quarantine; and quarantine becomes block where a recipient is outside
of the protected domains, since strangers get no portal links. Where several verdicts are unknown, block goes before permit.
Source: semantics in docs/architecture.md; conditions: Junos' fallback-options.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from device.inspection.policy import Action, CloudPolicy, Condition, Fallback, InspectionPolicy
from device.message.addresses import folded_domain
from device.message.envelope import Envelope
from device.message.reading import Sha256


class Verb(StrEnum):
    """What is done with a message."""

    DELIVER = "deliver"
    TAG = "tag"
    QUARANTINE = "quarantine"
    BLOCK = "block"


class Reason(StrEnum):
    """Why; the word that logs, events and counters use."""

    LIMITS = "limits"
    RELEASED = "released"
    ALLOWLISTED = "allowlisted"
    BLOCKLISTED = "blocklisted"
    NO_ATTACHMENT = "no-attachment"
    MALICIOUS = "malicious"
    UNKNOWN = "unknown"
    FIRST_SEEN = "first-seen"
    UNDER_THRESHOLD = "under-threshold"


BLOCKLISTED_SCORE: Final = 10
"""What a blocklisted message is stored with: as bad as can be."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The verb, its reason, the message's score where there is one, and the fallback condition where the verdict is unknown."""

    verb: Verb
    reason: Reason
    score: int | None = None
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """What the cloud said of the inspected parts, by digest: scores, and where there is none the condition that stands for it.

    `unopened` are digests whose content could not be taken apart: scored, and still unknown. `first_seen` are digests that
    are being analysed while the message goes on.
    """

    known: Mapping[Sha256, int]
    missing: Mapping[Sha256, Condition]
    unopened: frozenset[Sha256] = frozenset()
    first_seen: frozenset[Sha256] = frozenset()

    @property
    def worst(self) -> int | None:
        """The message's score: its worst part's."""
        return max(self.known.values(), default=None)

    @property
    def conditions(self) -> frozenset[Condition]:
        """Every condition under which a verdict is unknown."""
        unopened = {Condition.UNKNOWN_FILE} if self.unopened else set()
        return frozenset(self.missing.values()) | unopened


def released() -> Decision:
    """A release pass held."""
    return Decision(Verb.DELIVER, Reason.RELEASED)


def over_limits() -> Decision:
    """The message has more headers, depth or parts than anyone reads."""
    return Decision(Verb.BLOCK, Reason.LIMITS)


def allowlisted() -> Decision:
    """The message is on the allowlist."""
    return Decision(Verb.DELIVER, Reason.ALLOWLISTED)


def blocklisted(policy: CloudPolicy, envelope: Envelope) -> Decision:
    """The message is on the blocklist: handled as malicious, under every action."""
    return Decision(_against_malice(policy, envelope), Reason.BLOCKLISTED, BLOCKLISTED_SCORE)


def without_attachment() -> Decision:
    """Nothing in the message is inspected."""
    return Decision(Verb.DELIVER, Reason.NO_ATTACHMENT)


def scored(policy: InspectionPolicy, envelope: Envelope, scores: Scores) -> Decision:
    """The cloud was asked about every part; malice that is known goes before what is unknown."""
    worst = scores.worst
    if worst is not None and worst >= policy.threshold:
        return Decision(_against_malice(policy.cloud, envelope), Reason.MALICIOUS, worst)
    if scores.conditions:
        return _fall_back(policy, scores.conditions, worst)
    if scores.first_seen:
        return Decision(Verb.DELIVER, Reason.FIRST_SEEN, worst)
    return Decision(Verb.DELIVER, Reason.UNDER_THRESHOLD, worst)


def _fall_back(policy: InspectionPolicy, conditions: Iterable[Condition], worst: int | None) -> Decision:
    """The strictest of the conditions' fallbacks, in the order in which Junos lists conditions."""
    options = policy.device.fallback
    ordered = sorted(conditions, key=list(Condition).index)
    blocking = [each for each in ordered if options.for_condition(each) is Fallback.BLOCK]
    if blocking:
        return Decision(Verb.BLOCK, Reason.UNKNOWN, worst, blocking[0])
    return Decision(Verb.DELIVER, Reason.UNKNOWN, worst, ordered[0])


def _against_malice(policy: CloudPolicy, envelope: Envelope) -> Verb:
    match policy.action:
        case Action.PERMIT:
            return Verb.DELIVER
        case Action.TAG_AND_DELIVER:
            return Verb.TAG
        case Action.QUARANTINE:
            return Verb.QUARANTINE if _all_protected(policy.protected_domains, envelope) else Verb.BLOCK


def _all_protected(domains: frozenset[str], envelope: Envelope) -> bool:
    """Whether every recipient may get a portal link; no protected domains: everyone may."""
    return not domains or all(_domain(path) in domains for path in envelope.paths)


def _domain(path: bytes) -> str:
    """As the policy has domains: an A-label, case-folded."""
    return folded_domain(path.rpartition(b"@")[2].decode("utf-8", "replace"))
