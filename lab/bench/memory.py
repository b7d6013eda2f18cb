"""What sessions cost in memory: resident bytes of the device's process, each figure from a device fresh from its start.

What glibc keeps of a peak would hide the next figure, so the device is started again for each. A session's share is the growth
divided by their number. The client and the mail server are processes of their own, and so is the trivial scorer.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from itertools import islice
from pathlib import Path
from typing import Final

from device.enrollment.identity import Identity
from lab.bench.encrypted import EncryptingServer
from lab.bench.figures import Figure
from lab.bench.goals import BASE, HELD, IDLE, IDLE_ENCRYPTED, RESIDENT, TEN_MEGABYTES, UPLOADING, Section
from lab.bench.plan import Plan
from lab.bench.processes import forget_peak, peak, resident, settled
from lab.bench.scored import scored_device
from lab.bench.verdicts import every_verdict_came
from lab.bench.workload import HUGE, SMALL
from lab.site import Site
from lab.traffic.conversation import Encrypted, deliver, standing

_IDLE: Final = 400
_IDLE_ENCRYPTED: Final = 200
_HOLDING: Final = 20
_MEGABYTE: Final = 1_000_000
_KILOBYTE: Final = 1_000


async def memory(server: EncryptingServer, identity: Identity, plan: Plan, folder: Path) -> list[Figure]:
    """Base, idle, held and uploading. Raises NotTaken, TimeoutError."""
    async with scored_device(folder / "idle", server.address, identity) as site:
        base, idle = await _idle(site, plan.some(_IDLE))
    async with scored_device(
        folder / "encrypted", server.address, identity, *server.flags, environment=server.environment
    ) as site:
        _, encrypted = await _idle(site, plan.some(_IDLE_ENCRYPTED), server.encrypted)
    async with scored_device(folder / "holding", server.address, identity) as site:
        holding = await _holding(site, plan.some(_HOLDING))
    return [
        Figure.of(Section.MEMORY, BASE, RESIDENT, [base / _MEGABYTE], sample="a fresh device", unit="MB"),
        _session(IDLE, idle, plan.some(_IDLE)),
        _session(IDLE_ENCRYPTED, encrypted, plan.some(_IDLE_ENCRYPTED)),
        *holding,
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
    await deliver(site.smtp, SMALL.mail())
    async with standing(site.smtp, count) as sessions:
        await settled(pid)
        before = resident(pid)
        await _together(session.hold(mail) for session, mail in zip(sessions, mails, strict=True))
        await settled(pid)
        held = resident(pid) - before
        forget_peak(pid)
        await _together(session.finish() for session in sessions)
        uploading = peak(pid) - before
    await every_verdict_came(site.device_state)
    return [
        Figure.of(Section.MEMORY, TEN_MEGABYTES, measure, [grown / wire], sample=f"{count} sessions")
        for measure, grown in ((HELD, held), (UPLOADING, uploading))
    ]


async def _together(work: Iterable[Coroutine[None, None, None]]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for each in work:
            tasks.create_task(each)


def _pid(site: Site) -> int:
    assert site.device is not None
    return site.device.pid
