"""`srx-lab bench`: everything started on fresh state in a temporary folder, measured, and told; nothing else is written."""

import json
import os
import tempfile
from pathlib import Path

from rich.console import Console

from lab.bench.measure import Run, RunFailed, measured
from lab.bench.peers import peers
from lab.bench.results import results, table
from lab.processes import ProcessFailed
from lab.programs import ProgramMissing


async def bench(rounds: int, *, as_json: bool) -> bool:
    """Measure and tell; whether it could be done. With JSON the person's lines go to standard error."""
    console = Console(stderr=as_json, highlight=False)
    try:
        runs = await _runs(rounds, console)
    except (ProgramMissing, ProcessFailed, RunFailed, TimeoutError) as error:
        Console(stderr=True).print(f"srx-lab: the benchmark could not go on: {error}", markup=False)
        return False
    found = results(runs)
    console.print(table(found, rounds))
    if as_json:
        print(json.dumps({"rounds": rounds, "results": [each.to_json() for each in found]}))
    return True


async def _runs(rounds: int, console: Console) -> list[Run]:
    """Every run, told as it is done."""
    runs = []
    with tempfile.TemporaryDirectory(prefix="srxlab-bench-") as folder:
        os.chmod(folder, 0o755)  # noqa: S103, PTH101 - a worker that drops root's rights must reach its files
        async with peers(Path(folder)) as started:
            async for run in measured(started, rounds, Path(folder)):
                runs.append(run)
                told = f"{run.workload.name}, {run.peer}, round {run.round + 1}: {run.rate:,.0f} msg/s"
                console.print(told, style="dim", markup=False)
    return runs
