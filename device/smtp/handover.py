"""One session's messages, handed to whoever inspects them: one after the other, each with one caller at a time."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from device.actions.outcome import Deliver, Outcome, Refuse, Replace
from device.message.envelope import Envelope
from device.smtp import answers
from device.smtp.boundary import Boundary, SessionLog
from device.smtp.intake import Intake, Peers, Reception
from device.smtp.reply import Reply


class Handover:
    """Calls the intake. A conclusion may take `seconds`."""

    def __init__(self, reception: Reception, tasks: asyncio.TaskGroup, log: SessionLog, seconds: float) -> None:
        self.messages = 0
        self._reception = reception
        self._tasks = tasks
        self._log = log
        self._seconds = seconds
        self._intake: Intake | None = None
        self._concluding: asyncio.Task[None] | None = None

    def begin(self, peers: Peers) -> None:
        """A message starts."""
        self.messages += 1
        self._intake = self._reception.begin(peers)

    def feed(self, chunk: bytes) -> None:
        """More of it."""
        assert self._intake is not None
        self._intake.feed(chunk)

    def streamable(self) -> Sequence[bytes] | None:
        """Whether the message may be handed on already, and what has come of it."""
        return None if self._intake is None else self._intake.streamable()

    def conclude(self, envelope: Envelope, decided: Callable[[Outcome], None]) -> Outcome | None:
        """The message is whole: its outcome; None where that takes time, and `decided` hears of it."""
        assert self._intake is not None
        outcome: Outcome | Coroutine[Any, Any, Outcome] = Refuse(answers.NOT_DECIDED)
        with Boundary(self._log, "conclude"):
            outcome = self._intake.conclude(envelope)
        if isinstance(outcome, Deliver | Replace | Refuse):
            return outcome
        self._concluding = self._tasks.create_task(self._wait_for(outcome, decided))
        self._concluding.add_done_callback(lambda _: outcome.close())  # a task that is cancelled at once never began it
        return None

    def settle(self, reply: Reply | None) -> None:
        """The server's word on the message, or that there was none."""
        intake, self._intake = self._intake, None
        assert intake is not None
        with Boundary(self._log, "settle"):
            intake.settle(reply)

    def abandon(self) -> None:
        """Nothing comes of the message, if there is one. A conclusion under way ends first."""
        intake, self._intake = self._intake, None
        if intake is None:
            return
        task = self._concluding
        if task is None or task.done() or task is asyncio.current_task():
            self._abandon_now(intake)
            return
        task.add_done_callback(lambda _: self._abandon_now(intake))
        task.cancel()

    async def _wait_for(self, conclusion: Coroutine[Any, Any, Outcome], decided: Callable[[Outcome], None]) -> None:
        outcome: Outcome = Refuse(answers.NOT_DECIDED)
        with Boundary(self._log, "conclude"):
            async with asyncio.timeout(self._seconds):
                outcome = await conclusion
        decided(outcome)

    def _abandon_now(self, intake: Intake) -> None:
        with Boundary(self._log, "abandon"):
            intake.abandon()
