"""Where a message is decided: the intake that the SMTP session feeds, and the story of one message.

1. Read: the scanner has followed the bytes as they came; now its reading is whole. Where it is unsure, the standard library's
   parser is asked, too.
2. Released? A release pass that holds, and that the cloud still has a use of, takes the message through, uninspected.
   Any other pass field is taken out, counted and told, and the message is inspected like any other.
3. Listed? Allow goes through unscanned; block is handled as malicious.
4. No attachment? Through, with no analysis and no call to anyone.
5. Scores: memory first, then the cloud.
6. Decide, and act: deliver, tag, quarantine, block.
7. When the server has spoken, settle: the cloud hears of it, and it is counted and told.
"""

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from device.actions import replies
from device.actions.outcome import Deliver, Outcome, Refuse, Replace
from device.actions.quarantine import manifest
from device.actions.tag import tagged
from device.background import Background
from device.cloudlink.faults import CloudFault
from device.cloudlink.passes import Lease, PassLink
from device.cloudlink.quarantine import QuarantineLink, Receipt
from device.cloudlink.submission import File, Submission
from device.inspection import decision as decisions
from device.inspection import passes
from device.inspection.decision import Decision, Scores, Verb
from device.inspection.held_content import HeldContent
from device.inspection.lists import ListMatch, Standing, matched
from device.inspection.policy import Action, InspectionPolicy
from device.inspection.room import Room
from device.message.content import decoded, digest_of
from device.message.envelope import Envelope
from device.message.limits import ScanLimits
from device.message.mime import Scanner
from device.message.reading import Part, Reading, Role
from device.message.second_opinion import is_wanted, with_second_opinion
from device.smtp.intake import Peers
from device.smtp.reply import Reply
from device.telemetry.account import Account, Decided

Conclusion = Outcome | Coroutine[Any, Any, Outcome]
"""An outcome, at once where nobody has to be asked and nothing to be stored."""

NO_SCORES: Final = Scores(known={}, missing={})


@dataclass(frozen=True, slots=True)
class Desk:
    """What every intake of this device works with. `realm_id` is empty while the device is not enrolled."""

    submission: Submission
    quarantine: QuarantineLink
    passes: PassLink
    policy: Callable[[], InspectionPolicy]
    realm_id: Callable[[], str]
    account: Account
    background: Background
    room: Room
    limits: ScanLimits
    clock: Callable[[], datetime]
    new_id: Callable[[], str]


class Inspector:
    """Takes messages in (device.smtp.intake.Reception)."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def begin(self, peers: Peers) -> "MessageIntake":
        """A message starts."""
        return MessageIntake(self._desk, peers)


class MessageIntake:
    """One message, from its first byte to the server's last word (device.smtp.intake.Intake)."""

    def __init__(self, desk: Desk, peers: Peers) -> None:
        self._desk = desk
        self._peers = peers
        self._scanner = Scanner(desk.limits)
        self._held = HeldContent(desk.room)
        self._content: Iterable[bytes] = self._held
        self._has_room = True
        self._decided: Decided | None = None
        self._receipt: Receipt | None = None
        self._lease: Lease | None = None
        self._put_off = False

    def feed(self, chunk: bytes) -> None:
        """Keep the bytes and follow them, as long as there is room."""
        self._has_room = self._has_room and self._held.append(chunk)
        if self._has_room:
            self._scanner.feed(chunk)
        else:
            self._let_go()

    def streamable(self) -> Sequence[bytes] | None:
        """What has come so far, unless the message must be tagged, or may carry a pass: then it goes on changed, if at all."""
        tagging = self._desk.policy().cloud.action is Action.TAG_AND_DELIVER
        if (
            tagging
            or not self._has_room
            or not passes.has_whole_header(self._content)
            or passes.may_carry_one(self._content)
        ):
            return None
        return list(self._content)

    def conclude(self, envelope: Envelope) -> Conclusion:
        """Decide and act, as the story on top tells it; the policy in force now decides the whole message."""
        policy = self._desk.policy()
        if not self._has_room:
            self._put_off = True
            self._desk.account.no_room(self._peers)
            return Refuse(replies.OUT_OF_MEMORY)
        reading = self._scanner.close()
        if passes.may_carry_one(self._content):
            return self._use_pass_or_inspect(policy, envelope, reading)
        return self._inspect(policy, envelope, reading)

    def settle(self, reply: Reply | None) -> None:
        """The server has spoken: tell the cloud, then count and tell what became of the message."""
        self._let_go()
        accepted = reply is not None and reply.positive
        if self._receipt is not None and (reply is not None):
            self._desk.background.spawn(self._desk.quarantine.settle(self._receipt, reply, accepted=accepted))
        if self._lease is not None:
            self._desk.background.spawn(self._desk.passes.settle(self._lease, reply))
        if self._decided is not None:
            self._desk.account.settled(self._decided, reply)

    def abandon(self) -> None:
        """Nothing was sent, since the client left or we refused: what was stored is settled as refused, a lease given back."""
        self._let_go()
        if self._receipt is not None:
            self._desk.background.spawn(self._desk.quarantine.settle(self._receipt, None, accepted=False))
        if self._lease is not None:
            self._desk.background.spawn(self._desk.passes.give_back(self._lease))
        if self._decided is not None and self._decided.decision.verb is Verb.BLOCK:
            self._desk.account.settled(self._decided, None)
        elif not self._put_off:
            self._desk.account.abandoned()

    def _let_go(self) -> None:
        """The content is not needed any more; uploads under way still hold what they send."""
        self._content = ()
        self._held.give_room_back()
        self._held = HeldContent(self._desk.room)

    async def _use_pass_or_inspect(self, policy: InspectionPolicy, envelope: Envelope, reading: Reading) -> Outcome:
        """A pass that holds takes the message through; without one it is inspected like any other."""
        outcome = await self._use_pass(policy, envelope, reading)
        if outcome is not None:
            return outcome
        return await _in_time(self._inspect(policy, envelope, self._without_passes()))

    async def _use_pass(self, policy: InspectionPolicy, envelope: Envelope, reading: Reading) -> Outcome | None:
        """The outcome of a message whose pass holds; None for every other, whose refused pass has been told of."""
        issuer = passes.Issuer(self._desk.realm_id(), policy.cloud.release_keys)
        checked = passes.check(b"".join(self._content), envelope, issuer, self._desk.clock().timestamp())
        if not isinstance(checked, passes.Valid):
            if isinstance(checked, passes.Refused):
                self._desk.account.pass_refused(self._peers, checked.reason.value)
            return None
        try:
            lease = await self._desk.passes.redeem(checked.claims, self._desk.new_id())
        except CloudFault as fault:
            self._put_off = True
            self._desk.account.pass_not_redeemed(self._peers, fault.reason)
            return Refuse(replies.PASS_NOT_REDEEMED)
        if lease is None:
            self._desk.account.pass_refused(self._peers, "no-use-left")
            return None
        self._lease = lease
        self._desk.account.pass_redeemed()
        self._decide(envelope, reading, decisions.released())
        if lease.left:
            return Deliver(self._content)
        return Deliver([passes.without_passes(b"".join(self._content))], changed=True)

    def _without_passes(self) -> Reading:
        """The reading of the message without pass fields."""
        cleaned = passes.without_passes(b"".join(self._content))
        self._content = [cleaned]
        scanner = Scanner(self._desk.limits)
        scanner.feed(cleaned)
        return scanner.close()

    def _inspect(self, policy: InspectionPolicy, envelope: Envelope, reading: Reading) -> Conclusion:
        if reading.exceeded is not None:
            self._decide(envelope, reading, decisions.over_limits())
            return Refuse(replies.OVER_LIMITS)
        if is_wanted(reading):
            return self._inspect_twice(policy, envelope, reading)
        return self._judge(policy, envelope, reading)

    async def _inspect_twice(self, policy: InspectionPolicy, envelope: Envelope, reading: Reading) -> Outcome:
        reading = await asyncio.to_thread(with_second_opinion, self._content, reading)
        return await _in_time(self._judge(policy, envelope, reading))

    def _judge(self, policy: InspectionPolicy, envelope: Envelope, reading: Reading) -> Conclusion:
        """Lists, then attachments, then scores."""
        listing = matched(policy.cloud, envelope, reading)
        if listing.standing is Standing.ALLOWED:
            decision = decisions.allowlisted()
        elif listing.standing is Standing.BLOCKED:
            decision = decisions.blocklisted(policy.cloud, envelope)
        elif inspected := _inspected(reading, policy):
            return self._score(policy, envelope, reading, self._files(inspected))
        else:
            decision = decisions.without_attachment()
        return self._act(policy, self._decide(envelope, reading, decision, listing), NO_SCORES)

    def _score(
        self, policy: InspectionPolicy, envelope: Envelope, reading: Reading, files: Sequence[File]
    ) -> Conclusion:
        """Memory first, then the cloud."""
        limit, ready = policy.cloud.max_file_size, policy.cloud.revision > 0
        scores = self._desk.submission.scores_at_hand(files, limit, ready=ready)
        if scores is not None:
            return self._act_on_scores(policy, envelope, reading, scores)
        return self._ask_for_scores(policy, envelope, reading, files)

    async def _ask_for_scores(
        self, policy: InspectionPolicy, envelope: Envelope, reading: Reading, files: Sequence[File]
    ) -> Outcome:
        limit, ready = policy.cloud.max_file_size, policy.cloud.revision > 0
        scores = await self._desk.submission.scores(files, policy.device, limit, ready=ready)
        return await _in_time(self._act_on_scores(policy, envelope, reading, scores))

    def _act_on_scores(
        self, policy: InspectionPolicy, envelope: Envelope, reading: Reading, scores: Scores
    ) -> Conclusion:
        self._desk.account.scored(scores, policy)
        decided = self._decide(envelope, reading, decisions.scored(policy, envelope, scores))
        if scores.first_seen:
            self._desk.background.spawn(self._flag_afterwards(decided, scores, policy))
        return self._act(policy, decided, scores)

    def _files(self, parts: tuple[Part, ...]) -> list[File]:
        content = self._content
        return [
            File(part.sha256, part.size, part.name, part.content_type, partial(decoded, content, part))
            for part in parts
        ]

    def _decide(
        self, envelope: Envelope, reading: Reading, decision: Decision, listing: ListMatch | None = None
    ) -> Decided:
        hit = None if listing is None or listing.kind is None else listing.kind.value
        self._decided = Decided(self._peers, envelope, reading, decision, list_hit=hit)
        return self._decided

    def _act(self, policy: InspectionPolicy, decided: Decided, scores: Scores) -> Conclusion:
        """The decision as something to send."""
        decision = decided.decision
        match decision.verb:
            case Verb.DELIVER:
                return Deliver(self._content, changed=self._content is not self._held)
            case Verb.TAG:
                return Deliver(tagged(self._content, decided.reading, policy.cloud.warning_headers), changed=True)
            case Verb.QUARANTINE:
                return self._quarantine(policy, decided, scores)
            case Verb.BLOCK:
                reply = replies.BY_CONDITION[decision.condition] if decision.condition else replies.MALICIOUS
                return Refuse(reply)

    async def _quarantine(self, policy: InspectionPolicy, decided: Decided, scores: Scores) -> Outcome:
        """Store first; only then may the replacement go out. What can't be stored is never delivered."""
        told = manifest(
            self._desk.new_id(),
            decided.envelope,
            decided.reading,
            decided.decision,
            scores.known,
            policy.threshold,
            self._peers.client.host,
            digest_of(self._content),
        )
        try:
            receipt = await self._desk.quarantine.store(told, self._content)
        except CloudFault as fault:
            self._put_off = True
            self._desk.account.not_stored(decided, fault.reason)
            return Refuse(replies.NOT_STORED)
        self._receipt = receipt
        self._decided = dataclasses.replace(decided, message_id=receipt.message_id)
        return Replace(receipt.mail_from, receipt.replacement)

    async def _flag_afterwards(self, decided: Decided, scores: Scores, policy: InspectionPolicy) -> None:
        """First-seen files went on; tell when one turns out to be malicious."""
        worst = await self._desk.submission.afterwards(scores.first_seen)
        if worst >= policy.threshold:
            self._desk.account.flagged_afterwards(decided, worst)


async def _in_time(conclusion: Conclusion) -> Outcome:
    """The outcome, waited for where it isn't there yet."""
    return conclusion if isinstance(conclusion, Deliver | Replace | Refuse) else await conclusion


def _inspected(reading: Reading, policy: InspectionPolicy) -> tuple[Part, ...]:
    """What is inspected: by default no HTML that is the message's text; a setting adds it."""
    if not policy.cloud.inspect_html_bodies:
        return reading.inspected
    bodies = (part for part in reading.parts if part.role is Role.TEXT and part.content_type == "text/html")
    return (*reading.inspected, *bodies)
