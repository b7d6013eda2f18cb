"""Interception by redirection: clients connect to their real server, as in transparent interception, and see nobody but it.

The server, though, sees the device's address instead of the client's. Anything it grants the device it would grant every client;
so it has to be told who the client is, or somebody has to want it so.
"""

import asyncio
import errno
import socket
import struct
from collections.abc import Callable
from typing import Any, Final

import structlog

from device.errors import CannotIntercept
from device.interception import kernel, redirect_rules, while_running
from device.interception.door import Door
from device.interception.explicit import open_relay
from device.interception.rules import Ours, WhenStopped
from device.interception.while_running import OwnedTable
from device.smtp.connection import Surroundings
from device.smtp.intake import Endpoint, Peers, Reception
from device.smtp.introduction import ClientAddress
from device.smtp.leg import Leg
from device.smtp.limits import SessionLimits
from device.smtp.sessions import SessionCounter
from device.tls.encryption import PLAIN, Encryption

_EVERYWHERE: Final = {4: (socket.AF_INET, "0.0.0.0"), 6: (socket.AF_INET6, "::")}  # noqa: S104 a redirected packet comes to the address of the interface that it came in by
_ORIGINAL_DESTINATION: Final = 80
"""linux/netfilter_ipv4.h: SO_ORIGINAL_DST; IPv6 has the same number."""
_ADDRESSES: Final = {
    socket.AF_INET: (socket.IPPROTO_IP, struct.Struct("!2xH4s8x")),
    socket.AF_INET6: (socket.IPPROTO_IPV6, struct.Struct("!2xH4x16s4x")),
}
"""How sockaddr_in and sockaddr_in6 lie in memory: port and address."""


class Listener:
    """Takes the connections that pass to some ports. Sessions run in `tasks`, whose owner calls stop() before leaving it.

    WrongSetting, if this would be an open relay. After stop() a refusal still stands; close() is right after any failure, too.
    """

    def __init__(
        self,
        ours: Ours,
        ports: tuple[int, ...],
        when_stopped: WhenStopped,
        reception: Reception,
        limits: SessionLimits,
        *,
        tasks: asyncio.TaskGroup,
        counter: SessionCounter | None = None,
        client_address: ClientAddress = ClientAddress.HIDDEN,
        consent: bool = False,
        encryption: Encryption = PLAIN,
    ) -> None:
        if client_address is ClientAddress.HIDDEN and not consent:
            raise open_relay("Redirecting mail")
        self._ours = ours
        self._ports = ports
        self._when_stopped = when_stopped
        self._listening: dict[int, int] = {}
        self._taking = OwnedTable("inet", ours.name)
        surroundings = Surroundings(
            original_destination, self._dial, reception, limits, tasks, client_address, encryption
        )
        self._door = Door(surroundings, counter)

    async def start(self) -> None:
        """First listen, then let the kernel lead clients here. Raises CannotIntercept."""
        if (reason := await obstacle()) is not None:
            raise CannotIntercept(
                f"mail can't be redirected here: {reason}",
                next_step="Run it where it can be, or in explicit mode (--intercept explicit).",
            )
        for version, (family, address) in _EVERYWHERE.items():
            await self._listen(version, family, address)
        await kernel.install(self._ours, redirect_rules.standing(self._ports, self._when_stopped))
        await self._taking.begin(redirect_rules.while_running(self._ports, self._listening))
        structlog.get_logger().info("listener.started", ports=self._ports, rules=self._ours.name)

    async def stop(self, grace_seconds: float) -> None:
        """New connections pass or are refused, as it was wished; those that are here may finish."""
        await self._taking.empty(redirect_rules.NEWCOMERS)
        await self._door.close(grace_seconds)

    async def close(self, *, let_pass: bool) -> None:
        """Our rules are gone, but for the refusal of a device that fails closed, unless `let_pass`."""
        await self._taking.end()
        if kernel.may_change():
            await kernel.withdraw(self._ours, let_pass=let_pass)

    def ready(self) -> dict[str, Any]:
        """For the ready line."""
        return {"ports": list(self._ports), "families": self._families()}

    def told(self) -> dict[str, Any]:
        """For `srx show status`."""
        ports = ", ".join(map(str, self._ports))
        return {
            "interception": "redirect",
            "listen": f"port {ports} of every server ({', '.join(self._families())})",
            "mail_server": "the one that each client means",
            "when_stopped": self._when_stopped.value,
            "rules": self._ours.name,
        }

    def warnings(self) -> list[str]:
        """What the server does not see, what isn't inspected, and what doesn't pass."""
        if self._taking.lost:
            return ["Somebody has ended nft, and the rules with it: no mail is inspected. Start the device again."]
        return [
            "Mail servers see this device's address instead of the client's.",
            *(f"{each} forwarding is off: nothing but mail passes this machine." for each in kernel.not_forwarding()),
        ]

    def _families(self) -> list[str]:
        return [f"IPv{version}" for version in self._listening]

    async def _listen(self, version: int, family: socket.AddressFamily, address: str) -> None:
        """Where the machine has that family."""
        try:
            made = socket.create_server((address, 0), family=family)
        except OSError:
            return
        made.setblocking(False)
        self._listening[version] = made.getsockname()[1]
        await self._door.open_on(made)

    async def _dial(self, protocol: Callable[[], asyncio.Protocol], peers: Peers) -> None:
        """From the device's own address. Whoever came to the listener itself meant no server."""
        if peers.server.port not in self._ports:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "a client that was not redirected means no server")
        await asyncio.get_running_loop().create_connection(protocol, peers.server.host, peers.server.port)


async def obstacle() -> str | None:
    """Why this machine can't redirect; None where it can."""
    if (reason := kernel.unprivileged()) is not None:
        return reason
    chains = redirect_rules.while_running((25,), {4: 1, 6: 1})
    return await kernel.untaken(while_running.table("inet", kernel.PROBED.name, chains))


def original_destination(client: Leg) -> Endpoint:
    """The server that a redirected client meant; where it came to us directly, the address that it came to."""
    family = socket.AF_INET6 if ":" in client.arrived_at.host else socket.AF_INET
    level, layout = _ADDRESSES[family]
    try:
        told = client.socket.getsockopt(level, _ORIGINAL_DESTINATION, layout.size)
    except OSError:
        return client.arrived_at
    port, host = layout.unpack(told)
    return Endpoint(socket.inet_ntop(family, host), port)
