"""What sessions cost in memory: resident bytes of the device's process, each figure from a device fresh from its start.

What glibc keeps of a peak would hide the next figure, so the device is started again for each. A session's share is the growth
divided by their number. The client and the mail server are processes of their own, and so is the trivial scorer.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Final

from device.enrollment.identity import Identity
from lab.bench.encrypted import EncryptingServer
from lab.bench.figures import Figure
from lab.bench.goals import BASE, HELD, IDLE, IDLE_ENCRYPTED, RESIDENT, SPILLED, TEN_MEGABYTES, UPLOADING, Section
from lab.bench.plan import Plan
from lab.bench.processes import forget_peak, peak, resident, settled
from lab.bench.scored import scored_device
from lab.bench.verdicts import every_verdict_came
from lab.bench.workload import HUGE, SMALL
from lab.site import Site
from lab.traffic.conversation import Conversation, Encrypted, deliver, standing

_IDLE: Final = 400
_IDLE_ENCRYPTED: Final = 200
_HOLDING: Final = 20
_SPILL_ABOVE: Final = 65_536
"""Bytes of each message that stay in memory where the rest goes to disk."""
_MEGABYTE: Final = 1_000_000
_KILOBYTE: Final = 1_000


async def memory(server: EncryptingServer, identity: Identity, plan: Plan, folder: Path) -> list[Figure]:
    """Base, idle, held and uploading, spilled. Raises NotTaken, TimeoutError."""
    async with scored_device(folder / "idle", server.address, identity) as site:
        base, idle = await _idle(site, plan.some(_IDLE))
    async with scored_device(
        folder / "encrypted", server.address, identity, *server.flags, environment=server.environment
    ) as site:
        _, encrypted = await _idle(site, plan.some(_IDLE_ENCRYPTED), server.encrypted)
    async with scored_device(folder / "holding", server.address, identity) as site:
        holding = await _holding(site, plan.some(_HOLDING))
    async with scored_device(folder / "spilling", server.address, identity, f"--spill-above={_SPILL_ABOVE}") as site:
        spilled = await _spilled(site, plan.some(_HOLDING))
    return [
        Figure.of(Section.MEMORY, BASE, RESIDENT, [base / _MEGABYTE], sample="a fresh device", unit="MB"),
        _session(IDLE, idle, plan.some(_IDLE)),
        _session(IDLE_ENCRYPTED, encrypted, plan.some(_IDLE_ENCRYPTED)),
        *holding,
        spilled,
    ]


def _session(subject: str, share: float, count: int) -> Figure:
    sample = f"{count} sessions"
    return Figure.of(Section.MEMORY, subject, RESIDENT, [share / _KILOBYTE], sample=sample, unit="KB")


async def _idle(site: Site, count: int, encrypted: Encrypted | None = None) -> tuple[int, float]:
    """Resident bytes at rest, before any mail, and what each session adds that has greeted and now waits.

    One mail goes before the sessions: what a first session loads is not theirs.
    """
    pid = _pid(site)
    await settled(pid)
    base = resident(pid)
    await deliver(site.smtp, SMALL.mail(), encrypted)
    await settled(pid)
    before = resident(pid)
    async with standing(site.smtp, count, encrypted):
        await settled(pid)
        return base, (resident(pid) - before) / count


async def _holding(site: Site, count: int) -> Iterable[Figure]:
    """Sessions with a whole mail but its final dot; then the dots, and a new attachment each to upload."""
    pid = _pid(site)
    mails = list(islice(HUGE.new_mails(), count))
    wire = sum(map(len, mails))
    async with _held(site, mails) as (sessions, before):
        held = resident(pid) - before
        forget_peak(pid)
        await _together(session.finish() for session in sessions)
        uploading = peak(pid) - before
    await every_verdict_came(site.device_state)
    return [
        Figure.of(Section.MEMORY, TEN_MEGABYTES, measure, [grown / wire], sample=f"{count} sessions")
        for measure, grown in ((HELD, held), (UPLOADING, uploading))
    ]


@asynccontextmanager
async def _held(site: Site, mails: Sequence[bytes]) -> AsyncIterator[tuple[list[Conversation], int]]:
    """A session for each mail, which the device has but for its final dot, and the bytes resident before they came."""
    pid = _pid(site)
    await deliver(site.smtp, SMALL.mail())
    async with standing(site.smtp, len(mails)) as sessions:
        await settled(pid)
        before = resident(pid)
        await _together(session.hold(mail) for session, mail in zip(sessions, mails, strict=True))
        await settled(pid)
        yield sessions, before


async def _spilled(site: Site, count: int) -> Figure:
    """The same sessions, most of each mail on disk: what stays in memory, and what receiving and sealing left behind."""
    pid = _pid(site)
    mails = list(islice(HUGE.new_mails(), count))
    async with _held(site, mails) as (sessions, before):
        grown = resident(pid) - before
        await _together(session.finish() for session in sessions)
    await every_verdict_came(site.device_state)
    return Figure.of(
        Section.MEMORY, TEN_MEGABYTES, SPILLED, [grown / count / _MEGABYTE], sample=f"{count} sessions", unit="MB"
    )


async def _together(work: Iterable[Coroutine[None, None, None]]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for each in work:
            tasks.create_task(each)


def _pid(site: Site) -> int:
    assert site.device is not None
    return site.device.pid
