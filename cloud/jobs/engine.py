"""Durable jobs: what was asked for is done, whatever dies meanwhile. DBOS is in this file alone.

    enqueue(kind, id) ──► row on disk ──► attempt 1 ──► done
                                             └─ Again(delay) ──► row on disk ──► attempt 2 ──► …

A job is a kind and the id of the thing that it is about: content never comes here. Each attempt is a workflow of one step
under the name kind:id:number, so that asking twice is asking once. An attempt that a kill interrupts is repeated at the next
start: work must be right when it is done twice. Waiting attempts are rows and cost nothing, over days and restarts.
A row of ours and its job are not one commit: whoever owns the row calls ensure() for what is unfinished at start.

DBOS as it was measured: a pinned application version, else changed code leaves old jobs pending for ever; an own engine of
one connection; launched inside the running loop, else queued work runs on another thread's loop; `destroy` in a thread of
its own, since on the loop nothing would finish, and on the loop's executor it would shut down what it runs in.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog
from dbos import DBOS, DBOSConfig, SetEnqueueOptions, SetWorkflowID

from cloud.jobs.backoff import MAIL, Backoff
from cloud.jobs.boundary import Failure, guarded
from cloud.storage.job_file import JobFile

_log = structlog.get_logger()

_APPLICATION_VERSION: Final = "1"
"""Never raised: jobs of another version would wait for ever. Change the attempt under DBOS.patch_async instead."""
_QUEUE: Final = "jobs"
_AT_ONCE: Final = 8
_THREADS: Final = 16
_UNFINISHED: Final = ("PENDING", "ENQUEUED", "DELAYED")
_FINISHED: Final = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
_REMOVED_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Again:
    """The work could not be done yet: the next attempt starts after that time."""

    delay: timedelta


Work = Callable[[str, int], Awaitable[Again | None]]
"""One attempt at a job: the thing's id, the attempt's number from 1 on. None: done."""


class Jobs:
    """The process's durable jobs; one a process, since DBOS is one a process."""

    def __init__(self, *, backoff: Backoff = MAIL, polling: timedelta = timedelta(milliseconds=200)) -> None:
        self._backoff = backoff
        self._polling = polling
        self._work: Mapping[str, Work] = {}
        self._attempt: Callable[..., Any] | None = None
        self._file: JobFile | None = None

    async def start(self, database: Path, work: Mapping[str, Work]) -> None:
        """Open or make the job file, and take up what was interrupted. `work` says what each kind of job does."""
        self._work = work
        self._file = JobFile(database)
        DBOS(config=_configuration(self._file))
        self._attempt = self._register_attempt()
        DBOS.launch()
        await DBOS.register_queue_async(
            _QUEUE, worker_concurrency=_AT_ONCE, polling_interval_sec=self._polling.total_seconds()
        )
        await self._report_other_versions()

    async def enqueue(self, kind: str, thing: str, delay: timedelta = timedelta(0)) -> None:
        """Ask for a job. On disk when this returns; asking again for the same thing changes nothing."""
        await self._enqueue(kind, thing, 1, delay)

    async def ensure(self, kind: str, thing: str) -> None:
        """Ask for a job unless an attempt at it is under way or waiting: for things that are known to be unfinished."""
        attempts = await self._attempts_at(kind, thing)
        if not any(status in _UNFINISHED for status in attempts.values()):
            await self._enqueue(kind, thing, max(attempts, default=0) + 1, timedelta(0))

    async def remove_finished(self, before: datetime) -> int:
        """Forget jobs that ended before that time; how many. Only then can an id of theirs be asked for anew."""
        removed = 0
        while True:
            finished = await DBOS.list_workflows_async(
                status=list(_FINISHED),
                completed_before=before.isoformat(),
                limit=_REMOVED_AT_ONCE,
                load_input=False,
                load_output=False,
            )
            if not finished:
                return removed
            await DBOS.delete_workflows_async([each.workflow_id for each in finished])
            removed += len(finished)

    async def stop(self, grace: timedelta = timedelta(seconds=10)) -> None:
        """Take nothing new, give running attempts that long, and let go of the job file. What is cut off is repeated."""
        seconds = max(1, round(grace.total_seconds()))  # with 0, what ended a moment ago could not be written down
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="jobs-stop") as own:
            await loop.run_in_executor(own, _destroy, seconds)
        # DBOS took the loop's own executor, and has closed it: asyncio.to_thread needs one until the process ends.
        loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
        if self._file is not None:
            self._file.close()
            self._file = None

    def _register_attempt(self) -> Callable[..., Any]:
        """The one workflow: a step that does the work, then, where it says so, the next attempt's row."""

        async def attempt(kind: str, thing: str, number: int) -> None:
            seconds = await DBOS.run_step_async({"name": kind}, self._try, kind, thing, number)
            if seconds is not None:
                await self._enqueue(kind, thing, number + 1, timedelta(seconds=seconds))

        return DBOS.workflow(name="attempt", max_recovery_attempts=None)(attempt)

    async def _try(self, kind: str, thing: str, number: int) -> float | None:
        """Do the work once: None when done, else the seconds to wait. Nothing is raised from here."""
        again = await guarded(self._work[kind](thing, number))
        if isinstance(again, Failure):
            again = self._after_failure(kind, thing, number, again)
        return None if again is None else again.delay.total_seconds()

    def _after_failure(self, kind: str, thing: str, number: int, failure: Failure) -> Again | None:
        log = _log.bind(kind=kind, id=thing, attempt=number, error=failure.error, at=failure.place)
        if number >= self._backoff.attempts:
            log.error("job.given_up", next_step="It is tried again at the next start of srx-cloud serve.")
            return None
        log.warning("job.failed")
        return Again(self._backoff.after(number))

    async def _enqueue(self, kind: str, thing: str, number: int, delay: timedelta) -> None:
        assert self._attempt is not None
        seconds = delay.total_seconds()
        with (
            SetWorkflowID(f"{kind}:{thing}:{number}"),
            SetEnqueueOptions(delay_seconds=seconds if seconds > 0 else None),
        ):
            await DBOS.enqueue_workflow_async(_QUEUE, self._attempt, kind, thing, number)

    async def _attempts_at(self, kind: str, thing: str) -> dict[int, str]:
        prefix = f"{kind}:{thing}:"
        found = await DBOS.list_workflows_async(workflow_id_prefix=prefix, load_input=False, load_output=False)
        return {int(each.workflow_id.removeprefix(prefix)): each.status for each in found}

    async def _report_other_versions(self) -> None:
        waiting = await DBOS.list_workflows_async(status=list(_UNFINISHED), load_input=False, load_output=False)
        strange = sum(1 for each in waiting if each.app_version not in (None, _APPLICATION_VERSION))
        if strange:
            _log.error("jobs.other_version", jobs=strange, next_step="Start the srx-cloud that wrote them, once.")


def _configuration(file: JobFile) -> DBOSConfig:
    return {
        "name": "cloud",
        "application_version": _APPLICATION_VERSION,
        "executor_id": "cloud",
        "log_level": "WARNING",
        "max_executor_threads": _THREADS,
        "notification_listener_polling_interval_sec": 0.1,  # nothing is listened for: this is how long stop() waits for it
        "system_database_engine": file.engine,
    }


def _destroy(seconds: int) -> None:
    DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=seconds)
