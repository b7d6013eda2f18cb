"""Transparent interception: clients connect to their real server, and nobody sees that the device answers and dials in between.

The kernel hands us connections to the intercepted ports as they pass ([rules](rules.py)); a socket's own address is then the
server that its client meant. The device dials it from the client's own address and port, so the server sees its client. Where
the port can't be had (the last connection with the same four numbers has hardly ended), the address alone is kept.

Two positions in the path are possible: [routed](routed.py), or in a [bridge](bridge.py).
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from typing import Any, Final, Protocol

import structlog

from device.errors import CannotIntercept
from device.interception import kernel
from device.interception.door import Door
from device.smtp.connection import Surroundings
from device.smtp.intake import Endpoint, Peers, Reception
from device.smtp.limits import SessionLimits
from device.smtp.sessions import SessionCounter
from device.tls.encryption import PLAIN, Encryption

_LOOPBACK: Final = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
_FAMILY_NAMES: Final = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}
_BIND_ADDRESS_NO_PORT: Final = 24
"""linux/in.h: IP_BIND_ADDRESS_NO_PORT, the port is chosen at connect(), where the server is known; IPv6 takes it, too."""
_PORT_TAKEN: Final = {errno.EADDRINUSE, errno.EADDRNOTAVAIL}

log = structlog.get_logger()


class Position(Protocol):
    """Where in the path the device stands."""

    mark: int
    """The firewall mark of what the device sends; 0 for none."""
    ports: tuple[int, ...]

    async def lead_here(self, listeners: tuple[Endpoint, ...]) -> None:
        """The kernel leads clients to these. Raises CannotIntercept."""

    async def let_go(self) -> None:
        """New connections come no more; those that are here go on."""

    async def leave(self, *, let_pass: bool) -> None:
        """Our rules are gone, but for the refusal of a device that fails closed, unless `let_pass`."""

    def told(self) -> dict[str, str]:
        """For `srx show status`."""

    def warnings(self, families: list[str]) -> list[str]:
        """What doesn't pass or isn't inspected here, where those of IPv4 and IPv6 are."""


class Listener:
    """Takes the connections that pass to some ports. Sessions run in `tasks`, whose owner calls stop() before leaving it.

    After stop() the rules still stand; close() takes them back, and is right after any failure, too.
    """

    def __init__(
        self,
        position: Position,
        reception: Reception,
        limits: SessionLimits,
        *,
        tasks: asyncio.TaskGroup,
        counter: SessionCounter | None = None,
        encryption: Encryption = PLAIN,
    ) -> None:
        self._position = position
        self._families: list[str] = []
        dial = partial(_dial, position.mark)
        surroundings = Surroundings(
            lambda client: client.arrived_at, dial, reception, limits, tasks, encryption=encryption
        )
        self._door = Door(surroundings, counter)

    async def start(self) -> None:
        """First listen, then let the kernel lead clients here. Raises CannotIntercept."""
        if (reason := await kernel.obstacle()) is not None:
            raise CannotIntercept(
                f"mail can't be intercepted transparently here: {reason}",
                next_step="Run it where it can be; or --intercept redirect, which needs no TPROXY; or explicit.",
            )
        sockets = [each for family in _LOOPBACK if (each := self._listening_socket(family)) is not None]
        self._families = [_FAMILY_NAMES[each.family] for each in sockets]
        for each in sockets:
            await self._door.open_on(each)
        await self._position.lead_here(tuple(Endpoint(*each.getsockname()[:2]) for each in sockets))
        log.info("listener.started", families=self._families, ports=self._position.ports, **self._position.told())

    async def stop(self, grace_seconds: float) -> None:
        """New connections pass or are refused, as it was wished; those that are here may finish."""
        await self._position.let_go()
        await self._door.close(grace_seconds)

    async def close(self, *, let_pass: bool) -> None:
        """Our rules are gone, but for the refusal of a device that fails closed, unless `let_pass`."""
        if kernel.may_change():
            await self._position.leave(let_pass=let_pass)

    def ready(self) -> dict[str, Any]:
        """For the ready line."""
        return {"ports": list(self._position.ports), "families": self._families}

    def told(self) -> dict[str, Any]:
        """For `srx show status`."""
        ports = ", ".join(map(str, self._position.ports))
        return {
            "listen": f"port {ports} of every server ({', '.join(self._families)})",
            "mail_server": "the one that each client means",
            **self._position.told(),
        }

    def warnings(self) -> list[str]:
        """What keeps mail from inspection, or other traffic from passing."""
        return self._position.warnings(self._families)

    def _listening_socket(self, family: socket.AddressFamily) -> socket.socket | None:
        """On loopback, so that nobody comes in but by the kernel's hand; None where the machine has no such family."""
        try:
            made = kernel.transparent_socket(family, self._position.mark)
        except OSError:
            return None
        try:
            made.bind((_LOOPBACK[family], 0))
        except OSError:
            made.close()
            return None
        return made


async def _dial(mark: int, protocol: Callable[[], asyncio.Protocol], peers: Peers) -> None:
    """A connection to the server that the client meant, from the client's address and, if it can be had, port."""
    if ip_address(peers.server.host).is_loopback:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "a client of this machine itself means no server")
    try:
        connected = await _connected(mark, peers, peers.client.port)
    except OSError as error:
        if error.errno not in _PORT_TAKEN:
            raise
        log.info("server.other-port", client=peers.client.host, client_port=peers.client.port)
        connected = await _connected(mark, peers, 0)
    await asyncio.get_running_loop().create_connection(protocol, sock=connected)


async def _connected(mark: int, peers: Peers, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in peers.server.host else socket.AF_INET
    made = kernel.transparent_socket(family, mark)
    try:
        if not port:
            made.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
        made.bind((peers.client.host, port))
        await asyncio.get_running_loop().sock_connect(made, (peers.server.host, peers.server.port))
    except BaseException:
        made.close()
        raise
    return made
