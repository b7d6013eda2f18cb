"""Interception by redirection: clients connect to their real server, as in transparent interception, and see nobody but it.

The server, though, sees the device's address instead of the client's. Anything it grants the device it would grant every client;
so it has to be told who the client is, or somebody has to want it so.
"""

import asyncio
import errno
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

from device.errors import CannotIntercept
from device.interception import kernel, redirect_rules, while_running
from device.interception.explicit import open_relay
from device.interception.places import Places
from device.interception.rules import Ours, WhenStopped
from device.interception.sockets import bound_socket
from device.interception.while_running import LOST, OwnedTable
from device.smtp.encrypting import IMPLICIT_TLS_PORT
from device.smtp.intake import Endpoint, Peers
from device.smtp.introduction import ClientAddress
from device.smtp.leg import Leg

_EVERYWHERE: Final = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}  # noqa: S104 a redirected packet comes to the address of the interface that it came in by
_ORIGINAL_DESTINATION: Final = 80
"""linux/netfilter_ipv4.h: SO_ORIGINAL_DST; IPv6 has the same number."""
_ADDRESSES: Final = {
    socket.AF_INET: (socket.IPPROTO_IP, struct.Struct("!2xH4s8x")),
    socket.AF_INET6: (socket.IPPROTO_IPV6, struct.Struct("!2xH4x16s4x")),
}
"""How sockaddr_in and sockaddr_in6 lie in memory: port and address."""


class Entrance:
    """Some ports of every server behind this machine, whose clients the kernel redirects to a port of ours.

    WrongSetting, if this would be an open relay.
    """

    def __init__(
        self,
        ours: Ours,
        ports: tuple[int, ...],
        when_stopped: WhenStopped,
        *,
        client_address: ClientAddress = ClientAddress.HIDDEN,
        consent: bool = False,
    ) -> None:
        if client_address is ClientAddress.HIDDEN and not consent:
            raise open_relay("Redirecting mail")
        self.client_address = client_address
        self._ours = ours
        self._ports = ports
        self._when_stopped = when_stopped
        self._places = Places(ports, _EVERYWHERE, bound_socket)
        self._taking = OwnedTable("inet", ours.name)

    async def bind(self, *, shared: bool) -> list[socket.socket]:
        """Sockets that don't listen yet, `shared` with those of other calls. Raises CannotIntercept."""
        if not self._places.by_version and (reason := await obstacle()) is not None:
            raise CannotIntercept(
                f"mail can't be redirected here: {reason}",
                next_step="Run it where it can be, or in explicit mode (--intercept explicit).",
            )
        return self._places.bind(shared=shared)

    def know(self, bound: Sequence[socket.socket]) -> None:
        """Where another process has bound them."""
        self._places.know(bound)

    async def open(self) -> None:
        """Somebody listens: let the kernel lead clients there. Raises CannotIntercept."""
        listening = {version: each.port for version, each in self._places.by_version.items()}
        await kernel.install(self._ours, redirect_rules.standing(self._ports, self._when_stopped))
        await self._taking.begin(redirect_rules.while_running(self._ports, listening))
        structlog.get_logger().info("listener.started", **self.ready(), rules=self._ours.name)

    async def let_go(self) -> None:
        """New connections pass or are refused, as it was wished."""
        await self._taking.empty(redirect_rules.NEWCOMERS)

    async def close(self, *, let_pass: bool) -> None:
        """Our rules are gone, but for the refusal of a device that fails closed, unless `let_pass`."""
        await self._taking.end()
        if kernel.may_change():
            await kernel.withdraw(self._ours, let_pass=let_pass)

    def ready(self) -> dict[str, Any]:
        """For the ready line."""
        return self._places.ready()

    def told(self) -> dict[str, Any]:
        """For `srx show status`."""
        return {
            **self._places.told(),
            "interception": "redirect",
            "when_stopped": self._when_stopped.value,
            "rules": self._ours.name,
        }

    def warnings(self) -> list[str]:
        """What the server does not see, what isn't inspected, and what doesn't pass."""
        if self._taking.lost:
            return [LOST]
        return [
            "Mail servers see this device's address instead of the client's.",
            *(f"{each} forwarding is off: nothing but mail passes this machine." for each in kernel.not_forwarding()),
        ]

    def server_for(self, client: Leg) -> Endpoint:
        """The one that it connected to, before it was redirected."""
        return original_destination(client)

    def is_tls(self, client: Leg) -> bool:
        """By the server's port."""
        return self.server_for(client).port == IMPLICIT_TLS_PORT

    async def dial(self, protocol: Callable[[], asyncio.Protocol], peers: Peers) -> None:
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
