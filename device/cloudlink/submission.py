"""Asking for verdicts: by digest first, and only what nobody knows is uploaded.

One upload is under way per digest, however many messages carry the file. Whatever goes wrong becomes the fallback condition
that Junos has for it; nothing is raised.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from atp.reasons import Reason
from atp.v1 import inspection_pb2
from device.background import Background
from device.cloudlink.channel import CloudChannel, Stubs, tried_again
from device.cloudlink.faults import CloudAway, CloudFault, OutOfRoom, TooSlow
from device.inspection.decision import Scores
from device.inspection.policy import Condition, DevicePolicy
from device.inspection.verdicts import FileVerdict, VerdictMemory
from device.message.reading import Sha256
from device.telemetry.counters import Count, Counters

log = structlog.get_logger()

_PAUSES: Final = (0.2, 0.6)
"""A cloud that restarts is back in about a second; longer than that, mail is not kept waiting for one that is away."""

_DIGESTS_A_CALL: Final = 256


@dataclass(frozen=True, slots=True)
class File:
    """One file to ask about. `content` starts reading it anew, in chunks."""

    sha256: Sha256
    size: int
    name: str
    declared_type: str
    content: Callable[[], Iterator[bytes]]


class Submission:
    """Verdicts for files, from memory or from the cloud."""

    def __init__(
        self, channel: CloudChannel, memory: VerdictMemory, background: Background, counters: Counters
    ) -> None:
        self._channel = channel
        self._memory = memory
        self._background = background
        self._counters = counters
        self._under_way: dict[Sha256, asyncio.Future[FileVerdict | Condition]] = {}

    async def scores(self, files: Sequence[File], policy: DevicePolicy, max_file_size: int, *, ready: bool) -> Scores:
        """What is known of each file within the policy's time; files beyond the size are not sent.

        Not `ready` (no policy was ever received): nothing is asked.
        """
        wanted = {file.sha256: file for file in files}
        if not ready:
            return _not_ready(wanted)
        answers = self._at_hand(wanted.values(), max_file_size)
        asked = [file for digest, file in wanted.items() if digest not in answers]
        self._counters.add(Count.FILE_SUBMISSION_NOT_NEEDED, len(answers))
        first_seen = await self._ask(asked, policy, answers) if asked else frozenset()
        return _scores(answers, first_seen)

    def scores_at_hand(self, files: Sequence[File], max_file_size: int, *, ready: bool) -> Scores | None:
        """The same where nobody has to be asked; None where somebody has."""
        wanted = {file.sha256: file for file in files}
        if not ready:
            return _not_ready(wanted)
        answers = self._at_hand(wanted.values(), max_file_size)
        if len(answers) < len(wanted):
            return None
        self._counters.add(Count.FILE_SUBMISSION_NOT_NEEDED, len(answers))
        return _scores(answers, frozenset())

    async def afterwards(self, digests: Iterable[Sha256]) -> int:
        """The worst score of first-seen files whose analysis goes on, once it has ended; 0 where none came."""
        under_way = [self._under_way[digest] for digest in digests if digest in self._under_way]
        answers = [await asyncio.shield(answer) for answer in under_way]
        return max((answer.score for answer in answers if isinstance(answer, FileVerdict)), default=0)

    def _at_hand(self, files: Iterable[File], max_file_size: int) -> dict[Sha256, FileVerdict | Condition]:
        answers: dict[Sha256, FileVerdict | Condition] = {}
        for file in files:
            if file.size > max_file_size:
                answers[file.sha256] = Condition.INVALID_CONTENT_SIZE
            elif (answer := self._memory.recall(file.sha256)) is not None:
                answers[file.sha256] = answer
        return answers

    async def _ask(
        self, files: Sequence[File], policy: DevicePolicy, answers: dict[Sha256, FileVerdict | Condition]
    ) -> frozenset[Sha256]:
        """Look the files up, then upload what is unknown; gives the digests that are not waited for."""
        due = asyncio.get_running_loop().time() + policy.verdict_seconds
        failed = await self._look_up(files, policy, due)
        # In memory is what the look-up told, and what another message's upload of the same content has brought meanwhile.
        answers.update(self._remembered(file.sha256 for file in files))
        unknown = [file for file in files if file.sha256 not in answers]
        if failed is not None:
            answers.update(dict.fromkeys((file.sha256 for file in unknown), failed))
            return frozenset()
        pending = {file.sha256: self._upload(file, policy) for file in unknown}
        if not pending or not policy.hold_first_seen:
            return frozenset(pending)
        await asyncio.wait(pending.values(), timeout=max(0, due - asyncio.get_running_loop().time()))
        for digest, answer in pending.items():
            late = Condition.VERDICT_TIMEOUT
            answers[digest] = answer.result() if answer.done() else self._without_verdict(digest, late)
        return frozenset()

    def _without_verdict(self, digest: Sha256, condition: Condition) -> FileVerdict | Condition:
        """What counts where a verdict did not come: one that came another way meanwhile, else the condition, for a while."""
        known = self._memory.recall(digest)
        if isinstance(known, FileVerdict):
            return known
        self._memory.remember_failure(digest, condition)
        return condition

    def _remembered(self, digests: Iterable[Sha256]) -> dict[Sha256, FileVerdict | Condition]:
        recalled = {digest: self._memory.recall(digest) for digest in digests}
        return {digest: answer for digest, answer in recalled.items() if answer is not None}

    async def _look_up(self, files: Sequence[File], policy: DevicePolicy, due: float) -> Condition | None:
        """Bring what the cloud knows into memory; the condition under which some of it could not be asked."""
        limit = min(due, asyncio.get_running_loop().time() + policy.submission_seconds)
        try:
            async with asyncio.timeout_at(limit):
                for digests in _batches([file.sha256 for file in files]):
                    await self._look_up_batch(inspection_pb2.LookupVerdictsRequest(sha256=digests))
        except TimeoutError:
            reason, condition = "TIMEOUT", Condition.SUBMISSION_TIMEOUT
        except CloudFault as fault:
            reason, condition = fault.reason, _condition(fault, Condition.SUBMISSION_TIMEOUT)
        else:
            return None
        log.warning("submission.look-up-failed", reason=reason, condition=condition.value)
        return condition

    async def _look_up_batch(self, request: inspection_pb2.LookupVerdictsRequest) -> None:
        async def look_up(stubs: Stubs) -> inspection_pb2.LookupVerdictsResponse:
            return await stubs.inspection.LookupVerdicts(request)

        answer = await tried_again(look_up, self._channel, _PAUSES)
        self._memory.under(answer.rule_set)
        for verdict in answer.verdicts:
            self._keep(verdict)

    def _upload(self, file: File, policy: DevicePolicy) -> "asyncio.Future[FileVerdict | Condition]":
        """The answer to come; an upload of the same content that is under way serves both."""
        under_way = self._under_way.get(file.sha256)
        if under_way is None:
            under_way = asyncio.get_running_loop().create_future()
            self._under_way[file.sha256] = under_way
            self._background.spawn(self._deliver_answer(file, policy, under_way))
        return under_way

    async def _deliver_answer(
        self, file: File, policy: DevicePolicy, answer: "asyncio.Future[FileVerdict | Condition]"
    ) -> None:
        outcome: FileVerdict | Condition = Condition.SERVICE_NOT_READY
        try:
            outcome = await self._submit(file, policy)
        finally:
            del self._under_way[file.sha256]
            if not answer.done():
                answer.set_result(outcome)

    async def _submit(self, file: File, policy: DevicePolicy) -> FileVerdict | Condition:
        """Upload one file and wait for its verdict, each within its own time."""
        loop = asyncio.get_running_loop()
        verdict_due = loop.time() + policy.verdict_seconds
        late = Condition.SUBMISSION_TIMEOUT
        try:
            async with asyncio.timeout(min(policy.submission_seconds, policy.verdict_seconds)) as limit:

                def uploaded() -> None:
                    nonlocal late
                    late = Condition.VERDICT_TIMEOUT
                    limit.reschedule(verdict_due)

                verdict = await tried_again(lambda stubs: _send(stubs, file, uploaded), self._channel, _PAUSES)
        except TimeoutError:
            return self._failed(file, late, "TIMEOUT")
        except CloudFault as fault:
            return self._failed(file, _condition(fault, late), fault.reason)
        self._counters.add(Count.FILE_SUBMISSION_SUCCESS)
        return self._keep(verdict)

    def _failed(self, file: File, condition: Condition, reason: str) -> FileVerdict | Condition:
        self._counters.add(Count.FILE_SUBMISSION_FAILURE)
        log.warning("submission.failed", sha256=file.sha256.hex(), reason=reason, condition=condition.value)
        return self._without_verdict(file.sha256, condition)

    def _keep(self, verdict: inspection_pb2.Verdict) -> FileVerdict:
        kept = FileVerdict(min(verdict.score, 10), verdict.unopened)
        self._memory.remember(verdict.rule_set, Sha256(verdict.sha256), kept)
        return kept


async def _send(stubs: Stubs, file: File, uploaded: Callable[[], None]) -> inspection_pb2.Verdict:
    async def requests() -> AsyncIterator[inspection_pb2.SubmitFileRequest]:
        yield inspection_pb2.SubmitFileRequest(
            metadata=inspection_pb2.FileMetadata(
                sha256=file.sha256, size=file.size, name=file.name, declared_type=file.declared_type
            )
        )
        for chunk in file.content():
            yield inspection_pb2.SubmitFileRequest(chunk=chunk)
        uploaded()

    return (await stubs.inspection.SubmitFile(requests())).verdict


def _condition(fault: CloudFault, late: Condition) -> Condition:
    """The fallback condition that a fault comes to."""
    match fault:
        case _ if fault.reason == Reason.FILE_TOO_LARGE:
            return Condition.INVALID_CONTENT_SIZE
        case _ if fault.reason == Reason.ANALYSIS_TIMEOUT:
            return Condition.VERDICT_TIMEOUT
        case OutOfRoom():
            return Condition.OUT_OF_RESOURCES
        case TooSlow():
            return late
        case CloudAway():
            return Condition.SERVICE_NOT_READY
        case _:
            return Condition.UNKNOWN_FILE


def _not_ready(digests: Iterable[Sha256]) -> Scores:
    return Scores(known={}, missing=dict.fromkeys(digests, Condition.SERVICE_NOT_READY))


def _scores(answers: dict[Sha256, FileVerdict | Condition], first_seen: frozenset[Sha256]) -> Scores:
    verdicts = {digest: answer for digest, answer in answers.items() if isinstance(answer, FileVerdict)}
    return Scores(
        known={digest: verdict.score for digest, verdict in verdicts.items()},
        missing={digest: answer for digest, answer in answers.items() if isinstance(answer, Condition)},
        unopened=frozenset(digest for digest, verdict in verdicts.items() if verdict.unopened),
        first_seen=first_seen,
    )


def _batches(digests: list[Sha256]) -> Iterable[list[Sha256]]:
    return (digests[start : start + _DIGESTS_A_CALL] for start in range(0, len(digests), _DIGESTS_A_CALL))
