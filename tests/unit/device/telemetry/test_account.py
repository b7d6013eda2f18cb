"""Each message is counted and told once, by what became of it: what was decided, and what the server said to it."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

import pytest

from device.inspection import decision as decisions
from device.inspection.decision import Decision, Reason, Scores, Verb
from device.inspection.policy import Action, CloudPolicy, Condition, InspectionPolicy
from device.message.envelope import Envelope, Recipient
from device.message.limits import ScanLimits
from device.message.mime import Scanner
from device.message.reading import Reading, Sha256
from device.smtp.intake import Endpoint, Peers
from device.smtp.reply import Reply
from device.telemetry.account import Account, Decided
from device.telemetry.counters import Counters
from device.telemetry.events import Event, Events

PEERS = Peers(Endpoint("192.0.2.7", 40000), Endpoint("198.51.100.2", 25))
ENVELOPE = Envelope(b"anna@example.com", (Recipient(b"bob@example.net"), Recipient(b"eve@example.net")))
CONTENT = b'Subject: secret words\r\nContent-Disposition: attachment; filename="a.bin"\r\n\r\nwords\r\n'
TAKEN = Reply.of(250, "2.0.0 Ok")
REFUSED = Reply.of(550, "5.7.1 secret words of the server")


def read(content: bytes) -> Reading:
    scanner = Scanner(ScanLimits())
    scanner.feed(content)
    return scanner.close()


def decided(decision: Decision) -> Decided:
    return Decided(PEERS, ENVELOPE, read(CONTENT), decision)


class World:
    """An account, and what it has counted and told."""

    def __init__(self) -> None:
        numbers = count()
        self.counters = Counters()
        self.events = Events(lambda: datetime.now(UTC), lambda: str(next(numbers)), self.counters)
        self.account = Account(self.counters, self.events)

    def counted(self) -> dict[str, int]:
        """Every counter that is not 0."""
        return {name: number for name, number in self.counters.snapshot().items() if number}

    async def told(self) -> Event:
        """The one event."""
        (event,) = await self.events.next_batch(10)
        return event


@pytest.fixture
def world() -> World:
    return World()


def unknown(verb: Verb, condition: Condition) -> Decision:
    return Decision(verb, Reason.UNKNOWN, condition=condition)


MALICE = replace(decisions.blocklisted(CloudPolicy(), ENVELOPE), reason=Reason.MALICIOUS)
SETTLED = [
    (decisions.without_attachment(), "mail.delivered", {"email-permitted"}),
    (Decision(Verb.DELIVER, Reason.UNDER_THRESHOLD, 3), "mail.delivered", {"email-permitted"}),
    (decisions.allowlisted(), "mail.delivered", {"email-permitted", "email-hit-whitelist"}),
    (decisions.released(), "mail.delivered", {"email-permitted", "email-released"}),
    (Decision(Verb.DELIVER, Reason.FIRST_SEEN), "mail.delivered", {"email-permitted", "email-first-seen-passed"}),
    (replace(MALICE, verb=Verb.TAG), "mail.tagged", {"email-tag-and-delivered"}),
    (MALICE, "mail.quarantined", {"email-quarantined"}),
    (decisions.blocklisted(CloudPolicy(), ENVELOPE), "mail.quarantined", {"email-quarantined", "email-hit-blacklist"}),
    (
        decisions.blocklisted(CloudPolicy(action=Action.PERMIT), ENVELOPE),
        "mail.delivered",
        {"email-permitted", "email-hit-blacklist"},
    ),
    (
        unknown(Verb.DELIVER, Condition.UNKNOWN_FILE),
        "mail.delivered",
        {"email-permitted", "email-fallback-permitted", "email-fallback-permitted-unknown-file"},
    ),
]


@pytest.mark.parametrize(("decision", "event", "names"), SETTLED)
async def test_what_the_server_took_is_counted_by_verb_and_reason(
    world: World, decision: Decision, event: str, names: set[str]
) -> None:
    world.account.settled(decided(decision), TAKEN)
    assert world.counted() == dict.fromkeys({"email-processed", *names}, 1)
    told = await world.told()
    assert (told.name.value, told.fields["reply"], told.fields["reason"]) == (event, "250", decision.reason.value)


@pytest.mark.parametrize(
    ("decision", "names"),
    [
        (decisions.over_limits(), {"email-blocked"}),
        (replace(MALICE, verb=Verb.BLOCK), {"email-blocked"}),
        (
            unknown(Verb.BLOCK, Condition.VERDICT_TIMEOUT),
            {"email-blocked", "email-fallback-blocked", "email-fallback-blocked-verdict-timeout"},
        ),
    ],
)
async def test_what_the_device_refused_is_blocked_and_needs_no_server(
    world: World, decision: Decision, names: set[str]
) -> None:
    world.account.settled(decided(decision), None)
    assert world.counted() == dict.fromkeys({"email-processed", *names}, 1)
    told = await world.told()
    assert told.name.value == "mail.blocked"
    assert "reply" not in told.fields


@pytest.mark.parametrize("decision", [each for each, *_ in SETTLED])
@pytest.mark.parametrize(("reply", "code"), [(REFUSED, "550"), (None, None)])
async def test_what_the_server_did_not_take_is_neither_delivered_nor_quarantined(
    world: World, decision: Decision, reply: Reply | None, code: str | None
) -> None:
    """Counted as such alone; the event says what would have become of it. A reply's text is nobody's business."""
    world.account.settled(decided(decision), reply)
    assert world.counted() == {"email-processed": 1, "email-not-taken": 1}
    told = await world.told()
    assert (told.name.value, told.fields["verb"], told.fields.get("reply")) == (
        "mail.not-taken",
        decision.verb.value,
        code,
    )
    assert "secret" not in str(dict(told.fields))


async def test_an_event_says_who_how_large_and_why_and_never_what(world: World) -> None:
    one = replace(decided(MALICE), message_id="msg_1", list_hit="mail-from")
    world.account.settled(one, TAKEN)
    assert dict((await world.told()).fields) == {
        "reason": "malicious",
        "score": "10",
        "list_hit": "mail-from",
        "client": "192.0.2.7",
        "server": "198.51.100.2:25",
        "mail_from": "anna@example.com",
        "recipients": "2",
        "size": str(len(CONTENT)),
        "files": "1",
        "findings": "mime.no-version",
        "message_id": "msg_1",
        "reply": "250",
    }


async def test_files_are_counted_by_the_threshold_and_their_mail_once(world: World) -> None:
    scores = Scores(known={Sha256(bytes([each]) * 32): each for each in (0, 6, 7, 10)}, missing={})
    world.account.scored(scores, InspectionPolicy())
    assert world.counted() == {
        "email-scanned": 1,
        "file-verdict-meets-threshold": 2,
        "file-verdict-under-threshold": 2,
    }


async def test_what_else_happens_to_mail_is_counted_and_told(world: World) -> None:
    """No room, a pass refused or put off, not stored, flagged afterwards: an event and a counter each."""
    account = world.account
    account.no_room(PEERS)
    account.pass_refused(PEERS, "digest")
    account.pass_not_redeemed(PEERS, "UNAVAILABLE")
    account.not_stored(decided(MALICE), "UNAVAILABLE")
    account.flagged_afterwards(decided(Decision(Verb.DELIVER, Reason.FIRST_SEEN)), 9)
    account.pass_redeemed()
    account.abandoned()
    counted = ["email-not-stored", "email-flagged-afterwards", "email-no-room", "email-abandoned"]
    assert world.counted() == dict.fromkeys([*counted, "pass-redeemed", "pass-refused", "pass-put-off"], 1)
    told = await world.events.next_batch(10)
    assert [event.name.value for event in told] == [
        "mail.no-room",
        "pass.refused",
        "pass.put-off",
        "mail.not-stored",
        "mail.flagged-afterwards",
    ]
    assert [event.fields["client"] for event in told] == ["192.0.2.7"] * 5
    assert (told[1].fields["why"], told[2].fields["fault"], told[4].fields["verdict"]) == ("digest", "UNAVAILABLE", "9")
