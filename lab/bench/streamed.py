"""How long one large mail takes when the device hands it on while it comes, and when it holds it, both beside direct.

As in lab.bench.latency, mail by mail in turn. Both devices have just been started and differ in that flag alone; the verdict is
known, so what a mail costs is its way, not its analysis.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cloud.address import Address
from device.enrollment.identity import Identity
from lab.bench.figures import Figure, percentile, ratios
from lab.bench.goals import STREAMED_RATIO, Section
from lab.bench.latency import WARM, in_turns
from lab.bench.plan import Plan
from lab.bench.scored import scored_device
from lab.bench.verdicts import every_verdict_came
from lab.bench.workload import HUGE, Workload

WORKLOAD: Final = replace(HUGE, name="10 MB, one client", messages=20)


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds of each mail that went one of the ways."""

    direct: Sequence[float]
    held: Sequence[float]
    streamed: Sequence[float]


async def streamed(direct: Address, identity: Identity, plan: Plan, folder: Path) -> list[Figure]:
    """Medians of the three ways, and the devices' ratios to direct. Raises NotTaken, RunFailed."""
    workload = WORKLOAD.times(plan.share)
    mail = workload.mail()
    async with (
        scored_device(folder / "held", direct, identity, "--delivery=hold") as holding,
        scored_device(folder / "streamed", direct, identity, "--delivery=stream") as streaming,
    ):
        ways = (direct, holding.smtp, streaming.smtp)
        await in_turns(ways, mail, WARM)
        rounds = [Round(*await in_turns(ways, mail, workload.messages)) for _ in range(plan.rounds)]
        for site in (holding, streaming):
            await every_verdict_came(site.device_state)
    return list(figures(workload, rounds))


def figures(workload: Workload, rounds: Sequence[Round]) -> Iterable[Figure]:
    """What the rounds come to: medians in milliseconds."""
    direct, held, streamed = (
        [1000 * percentile(each, 50) for each in way]
        for way in (
            [each.direct for each in rounds],
            [each.held for each in rounds],
            [each.streamed for each in rounds],
        )
    )
    for measure, values, unit in (
        ("direct, median", direct, "ms"),
        ("device holding, median", held, "ms"),
        ("device streaming, median", streamed, "ms"),
        ("device holding / direct, median", ratios(held, direct), ""),
        (STREAMED_RATIO, ratios(streamed, direct), ""),
    ):
        sample = f"{workload.messages} mails each way"
        yield Figure.of(Section.LATENCY, workload.name, measure, values, sample=sample, unit=unit)
