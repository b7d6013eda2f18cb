"""Transparent interception: clients connect to their real server, and nobody sees that the device answers and dials in between.

The kernel hands us connections to the intercepted ports as they pass ([rules](rules.py)); a socket's own address is then the
server that its client meant. The device dials it from the client's own address and port, so the server sees its client. Where
the port can't be had (the last connection with the same four numbers has hardly ended), the address alone is kept.

Two positions in the path are possible: [routed](routed.py), or in a [bridge](bridge.py).
"""

import asyncio
import errno
import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any, Final, Protocol

import structlog

from device.errors import CannotIntercept
from device.interception import kernel, sockets
from device.interception.places import Places
from device.smtp.encrypting import IMPLICIT_TLS_PORT
from device.smtp.intake import Endpoint, Peers
from device.smtp.introduction import ClientAddress
from device.smtp.leg import Leg

_LOOPBACK: Final = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
"""So that nobody comes in but by the kernel's hand."""
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


class Entrance:
    """Some ports of every server behind this machine; the position is where the kernel takes their clients."""

    client_address = ClientAddress.HIDDEN
    """The server sees the client itself."""

    def __init__(self, position: Position) -> None:
        self._position = position
        self._places = Places(position.ports, _LOOPBACK, self._bound)

    async def bind(self, *, shared: bool) -> list[socket.socket]:
        """Sockets that don't listen yet, `shared` with those of other calls. Raises CannotIntercept."""
        if not self._places.by_version and (reason := await kernel.obstacle()) is not None:
            raise CannotIntercept(
                f"mail can't be intercepted transparently here: {reason}",
                next_step="Run it where it can be; or --intercept redirect, which needs no TPROXY; or explicit.",
            )
        return self._places.bind(shared=shared)

    def know(self, bound: Sequence[socket.socket]) -> None:
        """Where another process has bound them."""
        self._places.know(bound)

    async def open(self) -> None:
        """Somebody listens: let the kernel lead clients there. Raises CannotIntercept."""
        await self._position.lead_here(tuple(self._places.by_version.values()))
        log.info("listener.started", **self.ready(), **self._position.told())

    async def let_go(self) -> None:
        """New connections pass or are refused, as it was wished."""
        await self._position.let_go()

    async def close(self, *, let_pass: bool) -> None:
        """Our rules are gone, but for the refusal of a device that fails closed, unless `let_pass`."""
        if kernel.may_change():
            await self._position.leave(let_pass=let_pass)

    def ready(self) -> dict[str, Any]:
        """For the ready line."""
        return self._places.ready()

    def told(self) -> dict[str, Any]:
        """For `srx show status`."""
        return {**self._places.told(), **self._position.told()}

    def warnings(self) -> list[str]:
        """What keeps mail from inspection, or other traffic from passing."""
        return self._position.warnings(self._places.families)

    def server_for(self, client: Leg) -> Endpoint:
        """Where the client believes to be."""
        return client.arrived_at

    def is_tls(self, client: Leg) -> bool:
        """By the server's port."""
        return self.server_for(client).port == IMPLICIT_TLS_PORT

    async def dial(self, protocol: Callable[[], asyncio.Protocol], peers: Peers) -> None:
        """A connection to the server that the client meant, from the client's address and, if it can be had, port."""
        if ip_address(peers.server.host).is_loopback:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "a client of this machine itself means no server")
        try:
            connected = await self._connected(peers, peers.client.port)
        except OSError as error:
            if error.errno not in _PORT_TAKEN:
                raise
            log.info("server.other-port", client=peers.client.host, client_port=peers.client.port)
            connected = await self._connected(peers, 0)
        await asyncio.get_running_loop().create_connection(protocol, sock=connected)

    async def _connected(self, peers: Peers, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in peers.server.host else socket.AF_INET
        made = kernel.transparent_socket(family, self._position.mark)
        try:
            if not port:
                made.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
            made.bind((peers.client.host, port))
            await asyncio.get_running_loop().sock_connect(made, (peers.server.host, peers.server.port))
        except BaseException:
            made.close()
            raise
        return made

    def _bound(self, family: socket.AddressFamily, at: tuple[str, int], *, shared: bool) -> socket.socket:
        return sockets.bind(kernel.transparent_socket(family, self._position.mark), at, shared=shared)
