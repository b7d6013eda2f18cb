"""What the runs come to: medians over the rounds, and ratios within each round; as a table, or as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from rich.table import Table

from lab.bench.measure import Run
from lab.bench.peers import DIRECT, NGINX

_MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Result:
    """One peer under one workload. Rates are messages a second; ratios are medians of the rounds' own ratios."""

    workload: str
    peer: str
    rate: float
    lowest: float
    highest: float
    megabytes: float
    to_direct: float
    to_nginx: float | None
    cpu_ms: float | None

    def to_json(self) -> dict[str, Any]:
        """As --json prints it."""
        return {
            "workload": self.workload,
            "peer": self.peer,
            "messages_per_second": {"median": self.rate, "lowest": self.lowest, "highest": self.highest},
            "megabytes_per_second": self.megabytes,
            "ratio_to_direct": self.to_direct,
            "ratio_to_nginx": self.to_nginx,
            "cpu_ms_per_message": self.cpu_ms,
        }


def results(runs: Sequence[Run]) -> list[Result]:
    """In the order in which workloads and peers first ran."""
    pairs = dict.fromkeys((run.workload.name, run.peer) for run in sorted(runs, key=lambda run: run.round))
    return [_result(runs, workload, peer) for workload, peer in pairs]


def _result(runs: Sequence[Run], workload: str, peer: str) -> Result:
    own = [run for run in runs if (run.workload.name, run.peer) == (workload, peer)]
    rates = [run.rate for run in own]
    cpu = [run.cpu_ms for run in own if run.cpu_ms is not None]
    to_direct = _ratio(runs, own, DIRECT)
    assert to_direct is not None
    return Result(
        workload=workload,
        peer=peer,
        rate=median(rates),
        lowest=min(rates),
        highest=max(rates),
        megabytes=median(rates) * own[0].workload.size / _MEGABYTE,
        to_direct=to_direct,
        to_nginx=_ratio(runs, own, NGINX),
        cpu_ms=median(cpu) if cpu else None,
    )


def _ratio(runs: Sequence[Run], own: Sequence[Run], reference: str) -> float | None:
    """Against the reference's run of the same workload in the same round; None where it did not run."""
    others = {(run.workload.name, run.round): run.rate for run in runs if run.peer == reference}
    if not others:
        return None
    return median(run.rate / others[run.workload.name, run.round] for run in own)


def table(found: Sequence[Result], rounds: int) -> Table:
    """For people."""
    made = Table(title=f"Medians of {rounds} rounds, peers taking turns")
    for column in ("Mails", "Way", "msg/s", "lowest to highest", "MB/s", "to direct", "to nginx", "CPU ms/msg"):
        made.add_column(column, justify="left" if column in ("Mails", "Way") else "right")
    for each in found:
        made.add_row(
            each.workload,
            each.peer,
            f"{each.rate:,.0f}",
            f"{each.lowest:,.0f} to {each.highest:,.0f}",
            f"{each.megabytes:,.1f}",
            f"{each.to_direct:.2f}",
            "" if each.to_nginx is None else f"{each.to_nginx:.2f}",
            "" if each.cpu_ms is None else f"{each.cpu_ms:.2f}",
        )
    return made
