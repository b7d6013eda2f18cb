"""Rates with STARTTLS on both legs: the same source once straight to a sink that speaks TLS, once through the device.

Client and device verify whom they speak to; one CA stands for all. Mails are all the same, each in a session, and so with a
handshake, of its own, and the verdict is known.
"""

import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cloud.address import Address
from device.enrollment.identity import Identity
from lab.bench.figures import Figure, ratios
from lab.bench.goals import Section
from lab.bench.plan import Plan
from lab.bench.processes import cpu_seconds
from lab.bench.scored import scored_device
from lab.bench.verdicts import every_verdict_came
from lab.bench.workload import LARGE, SMALL, Workload
from lab.traffic.conversation import Encrypted, deliver_all
from lab.traffic.sink import encrypting_sink

WORKLOADS: Final = (SMALL.times(0.2), LARGE.times(0.6))
_NAME: Final = "mail.example.net"


@dataclass(frozen=True, slots=True)
class EncryptingServer:
    """A sink that offers STARTTLS, and the CA of its certificate."""

    address: Address
    authority: Path
    encrypted: Encrypted

    @property
    def flags(self) -> tuple[str, ...]:
        """A device in front of it that encrypts both legs."""
        return f"--tls-inspection-ca={self.authority}", f"--tls-server-name={_NAME}"

    @property
    def environment(self) -> dict[str, str]:
        """The roots that such a device takes for the system's."""
        return {"SSL_CERT_FILE": str(self.authority / "ca.pem")}


@asynccontextmanager
async def encrypting_server(folder: Path) -> AsyncIterator[EncryptingServer]:
    """Run one until the block ends."""
    authority = folder / "ca"
    async with encrypting_sink(authority, _NAME, folder / "encrypting-sink.log") as address:
        context = ssl.create_default_context(cafile=authority / "ca.pem")
        yield EncryptingServer(address, authority, Encrypted(context, _NAME))


@dataclass(frozen=True, slots=True)
class Round:
    """Mails a second either way, and the processor time (seconds) of the device."""

    direct: float
    device: float
    cpu_seconds: float


async def encrypted_rates(
    server: EncryptingServer, identity: Identity, plan: Plan, folder: Path
) -> AsyncIterator[list[Figure]]:
    """Rates, and their ratio. Raises NotTaken."""
    async with scored_device(
        folder / "tls", server.address, identity, *server.flags, environment=server.environment
    ) as site:
        assert site.device is not None
        for workload in (each.times(plan.share) for each in WORKLOADS):
            mails = [workload.mail()] * workload.messages
            await deliver_all(site.smtp, mails[: workload.sessions], workload.sessions, server.encrypted)
            rounds = [
                await _round(server, site.smtp, site.device.pid, workload, mails, number)
                for number in range(plan.rounds)
            ]
            await every_verdict_came(site.device_state)
            yield list(figures(workload, rounds))


async def _round(
    server: EncryptingServer, device: Address, pid: int, workload: Workload, mails: Sequence[bytes], number: int
) -> Round:
    """Each round begins with the other one."""
    rates: dict[Address, float] = {}
    used = cpu_seconds(pid)
    for address in (server.address, device) if number % 2 else (device, server.address):
        rates[address] = len(mails) / await deliver_all(address, mails, workload.sessions, server.encrypted)
    return Round(rates[server.address], rates[device], cpu_seconds(pid) - used)


def figures(workload: Workload, rounds: Sequence[Round]) -> Iterable[Figure]:
    """What the rounds come to."""
    direct, device = [each.direct for each in rounds], [each.device for each in rounds]
    cpu = [1000 * each.cpu_seconds / workload.messages for each in rounds]
    for measure, values, unit in (
        ("direct, STARTTLS", direct, "mails/s"),
        ("device, STARTTLS on both legs", device, "mails/s"),
        ("device / direct", ratios(device, direct), ""),
        ("device, CPU a mail", cpu, "ms"),
    ):
        yield Figure.of(Section.TLS, workload.name, measure, values, sample=f"{workload.messages} mails", unit=unit)
