"""`srx-lab bench`: everything started on fresh state in a temporary folder, measured, and told; nothing else is written.

1. direct, nginx and a site with a cloud: rates and processor time, latency, unknown content
2. a trivial scorer in the cloud's place: the upload alone
3. a server that speaks TLS: encrypted rates, and memory, each with devices of its own
"""

import json
import tempfile
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Final

from rich.console import Console

from cloud.address import Address
from device.enrollment.identity import Identity
from lab.bench.encrypted import encrypted_rates, encrypting_server
from lab.bench.figures import WIDTH, Figure, table
from lab.bench.goals import Section
from lab.bench.latency import latency
from lab.bench.memory import memory
from lab.bench.peers import DEVICE, DIRECT, Peer, named, peers
from lab.bench.plan import Plan
from lab.bench.profiled import profile
from lab.bench.rates import RunFailed, rates
from lab.bench.scored import scored_device, trivial_scorer
from lab.bench.streamed import streamed
from lab.bench.unknown import Ways, unknown
from lab.bench.upload import UploadFailed, upload
from lab.bench.verdicts import every_verdict_came
from lab.processes import ProcessFailed
from lab.programs import ProgramMissing
from lab.traffic.conversation import NotTaken

_OBSTACLES: Final = (ProgramMissing, ProcessFailed, RunFailed, NotTaken, UploadFailed, OSError)
"""What may come between; a TimeoutError is an OSError."""
_WITH_PEERS: Final = frozenset({Section.RATES, Section.CPU, Section.LATENCY, Section.UNKNOWN})
_WITH_SERVER: Final = frozenset({Section.TLS, Section.MEMORY})


async def bench(sections: Collection[Section], plan: Plan, *, as_json: bool) -> bool:
    """Measure and tell; whether it could be done. With JSON the person's lines go to standard error."""
    console = Console(stderr=as_json, highlight=False)
    figures: list[Figure] = []
    try:
        async for some in measured(frozenset(sections), plan):
            figures += some
            for each in some:
                told = f"{each.section.value}: {each.subject}, {each.measure}: {each.value:,.3g} {each.unit}"
                console.print(told, style="dim", markup=False)
    except _OBSTACLES as error:
        return _gave_up(error)
    figures.sort(key=lambda each: list(Section).index(each.section))
    console.width = max(console.width, WIDTH)
    console.print(table(figures))
    if as_json:
        print(json.dumps({"rounds": plan.rounds, "share": plan.share, "figures": [each.to_json() for each in figures]}))
    return True


async def told_profile(plan: Plan) -> bool:
    """Profile a device and tell; whether it could be done."""
    try:
        made = await profile(plan)
    except _OBSTACLES as error:
        return _gave_up(error)
    console = Console(highlight=False)
    console.width = max(console.width, WIDTH)
    console.print(made)
    return True


def _gave_up(error: Exception) -> bool:
    Console(stderr=True).print(f"srx-lab: the benchmark could not go on: {error}", markup=False)
    return False


async def measured(sections: frozenset[Section], plan: Plan) -> AsyncIterator[list[Figure]]:
    """The figures of each section as they are known; only those that are wanted."""
    with tempfile.TemporaryDirectory(prefix="srxlab-bench-") as name:
        async for some in _measured(sections, plan, _reachable(Path(name))):
            yield some


async def _measured(sections: frozenset[Section], plan: Plan, folder: Path) -> AsyncIterator[list[Figure]]:
    async with trivial_scorer(folder / "scorer") as identity:
        if sections & _WITH_PEERS:
            async for some in _beside_peers(sections, plan, folder, identity):
                yield [each for each in some if each.section in sections]
        if Section.UPLOAD in sections:
            yield await upload(identity, plan)
        if sections & _WITH_SERVER:
            async for some in _before_a_server(sections, plan, folder, identity):
                yield some


def _reachable(folder: Path) -> Path:
    """A worker that drops root's rights must reach its files there."""
    folder.chmod(0o755)
    return folder


async def _beside_peers(
    sections: frozenset[Section], plan: Plan, folder: Path, identity: Identity
) -> AsyncIterator[list[Figure]]:
    async with peers(folder) as ways:
        direct, device = named(DIRECT, ways).address, named(DEVICE, ways)
        if sections & {Section.RATES, Section.CPU}:
            async for some in rates(ways, plan, folder):
                yield some
            assert device.state is not None
            await every_verdict_came(device.state)
        if Section.LATENCY in sections:
            async for some in latency(direct, device.address, plan):
                yield some
            yield await streamed(direct, identity, plan, folder)
        if Section.UNKNOWN in sections:
            async for some in _unknown(direct, device, identity, plan, folder):
                yield some


async def _unknown(
    direct: Address, device: Peer, identity: Identity, plan: Plan, folder: Path
) -> AsyncIterator[list[Figure]]:
    async with scored_device(folder / "scored", direct, identity) as trivial:
        scored = Peer(DEVICE, trivial.smtp, state=trivial.device_state)
        async for some in unknown(Ways(direct, scored, device), plan, folder):
            yield some


async def _before_a_server(
    sections: frozenset[Section], plan: Plan, folder: Path, identity: Identity
) -> AsyncIterator[list[Figure]]:
    async with encrypting_server(folder) as server:
        if Section.TLS in sections:
            async for some in encrypted_rates(server, identity, plan, folder):
                yield some
        if Section.MEMORY in sections:
            yield await memory(server, identity, plan, folder)
