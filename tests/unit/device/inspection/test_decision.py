"""The decision's table, row by row; each row of the fallback table of the design is named."""

from types import MappingProxyType

import pytest

from device.actions.replies import BY_CONDITION
from device.inspection import decision
from device.inspection.decision import Decision, Reason, Scores, Verb
from device.inspection.policy import (
    Action,
    CloudPolicy,
    Condition,
    DevicePolicy,
    Fallback,
    FallbackOptions,
    InspectionPolicy,
)
from device.message.envelope import Envelope, Recipient
from device.message.reading import Sha256

CLEAN, BAD, GONE = Sha256(b"\1" * 32), Sha256(b"\2" * 32), Sha256(b"\3" * 32)
ENVELOPE = Envelope(b"a@example.com", (Recipient(b"b@example.net"), Recipient(b"c@example.org")))


def scores(
    known: dict[Sha256, int] | None = None,
    missing: dict[Sha256, Condition] | None = None,
    unopened: frozenset[Sha256] = frozenset(),
    first_seen: frozenset[Sha256] = frozenset(),
) -> Scores:
    """Scores with nothing in them but what is named."""
    return Scores(known or {}, missing or {}, unopened, first_seen)


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize(("score", "meets"), [(0, False), (6, False), (7, True), (10, True)])
def test_a_score_at_the_threshold_meets_it(action: Action, score: int, meets: bool) -> None:
    """Score >= threshold is malicious under every action; below it the message goes on."""
    verbs = {Action.QUARANTINE: Verb.QUARANTINE, Action.TAG_AND_DELIVER: Verb.TAG, Action.PERMIT: Verb.DELIVER}
    policy = InspectionPolicy(CloudPolicy(action=action))
    decided = decision.scored(policy, ENVELOPE, scores({CLEAN: 0, BAD: score}))
    wanted = (
        Decision(verbs[action], Reason.MALICIOUS, score)
        if meets
        else Decision(Verb.DELIVER, Reason.UNDER_THRESHOLD, score)
    )
    assert decided == wanted


def test_the_message_scores_as_its_worst_attachment() -> None:
    """One bad file among many decides."""
    decided = decision.scored(InspectionPolicy(), ENVELOPE, scores({CLEAN: 1, GONE: 3, BAD: 9}))
    assert decided.score == 9


def test_the_devices_threshold_goes_before_the_recommended_one() -> None:
    """`verdict-threshold 3` on the device; the cloud recommends 7."""
    policy = InspectionPolicy(CloudPolicy(recommended_threshold=7), DevicePolicy(threshold=3))
    assert decision.scored(policy, ENVELOPE, scores({BAD: 3})).reason is Reason.MALICIOUS


@pytest.mark.parametrize("condition", list(Condition))
@pytest.mark.parametrize("fallback", list(Fallback))
def test_each_condition_has_its_fallback(condition: Condition, fallback: Fallback) -> None:
    """The fallback table: permit delivers, block refuses; a condition's own action goes before the general one."""
    general = Fallback.PERMIT if fallback is Fallback.BLOCK else Fallback.BLOCK
    options = FallbackOptions(general, MappingProxyType({condition: fallback}))
    policy = InspectionPolicy(device=DevicePolicy(fallback=options))
    decided = decision.scored(policy, ENVELOPE, scores({CLEAN: 0}, {GONE: condition}))
    verb = Verb.DELIVER if fallback is Fallback.PERMIT else Verb.BLOCK
    assert decided == Decision(verb, Reason.UNKNOWN, 0, condition)


@pytest.mark.parametrize(
    ("condition", "reply"),
    [
        ("service-not-ready", b"451 4.7.1"),
        ("submission-timeout", b"451 4.7.1"),
        ("verdict-timeout", b"451 4.7.1"),
        ("out-of-resources", b"451 4.3.1"),
        ("invalid-content-size", b"552 5.3.4"),
        ("unknown-file", b"554 5.7.1"),
    ],
)
def test_a_blocked_condition_has_its_reply(condition: str, reply: bytes) -> None:
    """The fallback table's last column."""
    assert BY_CONDITION[Condition(condition)].wire().startswith(reply)


def test_permit_is_the_default_fallback() -> None:
    """Without a word of the administrator mail is not held up."""
    decided = decision.scored(InspectionPolicy(), ENVELOPE, scores(missing={GONE: Condition.SERVICE_NOT_READY}))
    assert decided.verb is Verb.DELIVER


def test_malice_that_is_known_goes_before_what_is_unknown() -> None:
    """Fallback applies only while the verdict is unknown."""
    decided = decision.scored(InspectionPolicy(), ENVELOPE, scores({BAD: 8}, {GONE: Condition.VERDICT_TIMEOUT}))
    assert decided == Decision(Verb.QUARANTINE, Reason.MALICIOUS, 8)


def test_of_several_conditions_block_goes_before_permit() -> None:
    """The strictest fallback decides."""
    options = FallbackOptions(Fallback.PERMIT, MappingProxyType({Condition.UNKNOWN_FILE: Fallback.BLOCK}))
    policy = InspectionPolicy(device=DevicePolicy(fallback=options))
    known = scores({CLEAN: 2}, {GONE: Condition.SERVICE_NOT_READY}, unopened=frozenset({CLEAN}))
    assert decision.scored(policy, ENVELOPE, known) == Decision(Verb.BLOCK, Reason.UNKNOWN, 2, Condition.UNKNOWN_FILE)


def test_a_file_that_can_t_be_opened_is_unknown() -> None:
    """Encrypted content under the threshold meets unknown-file."""
    decided = decision.scored(InspectionPolicy(), ENVELOPE, scores({CLEAN: 4}, unopened=frozenset({CLEAN})))
    assert decided.condition is Condition.UNKNOWN_FILE


def test_first_seen_content_passes_where_it_is_not_held() -> None:
    """`first-seen pass`: the message goes on; but not where another file is known to be bad."""
    assert (
        decision.scored(InspectionPolicy(), ENVELOPE, scores(first_seen=frozenset({GONE}))).reason is Reason.FIRST_SEEN
    )
    mixed = scores({BAD: 9}, first_seen=frozenset({GONE}))
    assert decision.scored(InspectionPolicy(), ENVELOPE, mixed).reason is Reason.MALICIOUS


@pytest.mark.parametrize(
    ("protected", "verb"),
    [
        (frozenset[str](), Verb.QUARANTINE),
        (frozenset({"example.net", "example.org"}), Verb.QUARANTINE),
        (frozenset({"example.net"}), Verb.BLOCK),
    ],
)
def test_strangers_get_no_portal_links(protected: frozenset[str], verb: Verb) -> None:
    """A recipient outside of the protected domains: blocked for all instead of quarantined; no protected domains: all are."""
    policy = CloudPolicy(protected_domains=protected)
    assert decision.blocklisted(policy, ENVELOPE).verb is verb
    assert decision.scored(InspectionPolicy(policy), ENVELOPE, scores({BAD: 10})).verb is verb


def test_protected_domains_compare_as_a_labels() -> None:
    """The policy has A-labels in lower case; a recipient may be written in UTF-8, in capitals, with a last dot."""
    policy = CloudPolicy(protected_domains=frozenset({"xn--bcher-kva.example", "example.net"}))
    envelope = Envelope(b"", (Recipient("a@bücher.example".encode()), Recipient(b"b@EXAMPLE.NET.")))
    assert decision.blocklisted(policy, envelope).verb is Verb.QUARANTINE


@pytest.mark.parametrize(
    ("action", "verb"),
    [(Action.QUARANTINE, Verb.QUARANTINE), (Action.TAG_AND_DELIVER, Verb.TAG), (Action.PERMIT, Verb.DELIVER)],
)
def test_blocklisted_is_handled_as_malicious_under_every_action(action: Action, verb: Verb) -> None:
    """Quarantined, tagged, or permitted (and logged as blocklisted)."""
    assert decision.blocklisted(CloudPolicy(action=action), ENVELOPE) == Decision(verb, Reason.BLOCKLISTED, 10)
