"""A file's way to its verdict.

    1. known?          kept for this realm, under the rule set in force: answered at once
    2. on its way?     the same file is being examined for this realm: wait for that, whoever asked first
    3. room?           at most so many files wait, and so many bytes are held; else OUT_OF_RESOURCES
    4. examined        in a worker; a worker that dies is a finding
    5. kept            as the realm's own, then answered to all who wait

Who asks waits until the deadline and then gets ANALYSIS_TIMEOUT; the examination goes on, and the next question finds its
verdict kept. Examinations are shared within a realm, or among realms that share verdicts: across others, a quick answer would
tell that somebody else has received the file.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from cloud.analyzers.budget import MIB
from cloud.clock import Clock
from cloud.errors import CloudError, OutOfResources, ShuttingDown, TooSlow
from cloud.inspection.upload import SealedFile
from cloud.inspection.verdicts import Digest, Findings, RuleSet, Verdict

log = structlog.get_logger()

_PASSING_FOR: Final = timedelta(minutes=30)
"""How long a verdict counts that may come out otherwise another time."""


class Examiner(Protocol):
    """Looks into files; Workers is one."""

    async def examine(self, sealed: SealedFile) -> Findings: ...


class Memory(Protocol):
    """Keeps verdicts; VerdictStore is one."""

    async def known(
        self, realm_id: str, digests: Sequence[Digest], rule_set: RuleSet, at: datetime, *, sharing: bool = False
    ) -> list[Verdict]: ...

    async def keep(
        self, realm_id: str, verdict: Verdict, at: datetime, *, shared: bool = False, expires_at: datetime | None = None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class PipelineLimits:
    """Files are those that wait or are examined; bytes those that are held in memory for it, arriving ones included."""

    files: int = 64
    bytes_held: int = 384 * MIB
    verdict_seconds: float = 55.0


@dataclass(frozen=True, slots=True)
class Asker:
    """The realm that asks, and whether it shares verdicts."""

    realm_id: str
    sharing: bool = False

    @property
    def circle(self) -> str:
        """Askers of one circle may see each other's examinations."""
        return "" if self.sharing else self.realm_id


_Key = tuple[str, Digest]


@dataclass(frozen=True, slots=True)
class _Flight:
    """One examination under way. The outcome is set once, an error as a value: nobody may be left to raise it at."""

    outcome: "asyncio.Future[Verdict | BaseException]"
    task: "asyncio.Task[None]"


class Pipeline:
    """Opened by running(): examinations belong to it, not to the calls that asked for them."""

    def __init__(
        self, examiner: Examiner, memory: Memory, rule_set: RuleSet, clock: Clock, limits: PipelineLimits | None = None
    ) -> None:
        self.rule_set = rule_set
        self._examiner = examiner
        self._memory = memory
        self._clock = clock
        self._limits = limits or PipelineLimits()
        self._flights: dict[_Key, _Flight] = {}
        self._bytes_held = 0
        self._group: asyncio.TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Until the end of the block; examinations under way are dropped then, and whoever waits gets SHUTTING_DOWN."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                yield
            finally:
                self._group = None
                for flight in self._flights.values():
                    flight.task.cancel()

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """Room for that many bytes, from before they arrive. Raises OutOfResources."""
        if self._bytes_held + size > self._limits.bytes_held:
            raise _no_room("bytes", self._bytes_held)
        self._bytes_held += size
        try:
            yield
        finally:
            self._bytes_held -= size

    async def known(self, asker: Asker, digests: Sequence[Digest]) -> list[Verdict]:
        """The verdicts that this realm may know already, in the order of the digests."""
        return await self._memory.known(asker.realm_id, digests, self.rule_set, self._clock(), sharing=asker.sharing)

    async def judge(self, asker: Asker, sealed: SealedFile, held: ExitStack) -> Verdict:
        """The verdict on a file that has arrived. Raises TooSlow at the deadline, OutOfResources, ShuttingDown.

        `held` is what the file needs to stay readable. An examination that starts takes it over, since it may outlive the call.
        """
        try:
            async with asyncio.timeout(self._limits.verdict_seconds):
                found = await self.known(asker, [sealed.sha256])
                return found[0] if found else await self._examined(asker, sealed, held)
        except TimeoutError:
            raise TooSlow(
                "The verdict was not found in time.", next_step="Ask for it again in a minute: the work goes on."
            ) from None

    async def _examined(self, asker: Asker, sealed: SealedFile, held: ExitStack) -> Verdict:
        key = (asker.circle, sealed.sha256)
        flight = self._flights.get(key)
        if flight is None:
            flight = self._take_off(key, asker, sealed, held)
        outcome = await asyncio.shield(flight.outcome)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def _take_off(self, key: _Key, asker: Asker, sealed: SealedFile, held: ExitStack) -> _Flight:
        if self._group is None:
            raise _shutting_down()
        if len(self._flights) >= self._limits.files:
            raise _no_room("files", len(self._flights))
        outcome: asyncio.Future[Verdict | BaseException] = asyncio.get_running_loop().create_future()
        taken = held.pop_all()
        task = self._group.create_task(self._fly(key, outcome, asker, sealed))
        # Also where the task is cancelled before its first step.
        task.add_done_callback(lambda _: self._land(key, outcome, taken))
        flight = self._flights[key] = _Flight(outcome, task)
        return flight

    async def _fly(
        self, key: _Key, outcome: "asyncio.Future[Verdict | BaseException]", asker: Asker, sealed: SealedFile
    ) -> None:
        """The examination's outcome, whatever it is, goes to those who wait; the group must not fail of it."""
        (result,) = await asyncio.gather(self._examine(asker, sealed), return_exceptions=True)
        if isinstance(result, asyncio.CancelledError):
            result = _shutting_down()
        if isinstance(result, BaseException) and not isinstance(result, CloudError):
            log.error("examination.failed", sha256=sealed.sha256.hex(), error=type(result).__name__)
        del self._flights[key]
        outcome.set_result(result)

    def _land(self, key: _Key, outcome: "asyncio.Future[Verdict | BaseException]", taken: ExitStack) -> None:
        taken.close()
        if not outcome.done():
            self._flights.pop(key, None)
            outcome.set_result(_shutting_down())

    async def _examine(self, asker: Asker, sealed: SealedFile) -> Verdict:
        findings = await self._examiner.examine(sealed)
        verdict = Verdict.from_findings(sealed.sha256, self.rule_set, findings)
        now = self._clock()
        expires_at = now + _PASSING_FOR if findings.passing else None
        await self._memory.keep(asker.realm_id, verdict, now, shared=asker.sharing, expires_at=expires_at)
        log.info(
            "verdict.found",
            sha256=sealed.sha256.hex(),
            size=sealed.size,
            score=verdict.score,
            category=verdict.category,
            evidence=sorted({each.name for each in verdict.evidence}),
            stumbles=list(findings.stumbles),
        )
        return verdict


def _no_room(what: str, held: int) -> OutOfResources:
    return OutOfResources(
        "Too many files wait for their verdict.", next_step="Submit it again later.", waiting=what, held=held
    )


def _shutting_down() -> ShuttingDown:
    return ShuttingDown("The service is going down.", next_step="Submit the file again.")
