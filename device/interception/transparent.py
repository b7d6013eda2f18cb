"""Transparent interception: clients connect to their real server, and nobody sees that the device answers and dials in between.

The kernel hands us connections to the intercepted ports as they pass ([rules](rules.py)); a socket's own address is then the
server that its client meant. The device dials it from the client's own address and port, so the server sees its client. Where
the port can't be had (the last connection with the same four numbers has hardly ended), the address alone is kept.
"""

import asyncio
import errno
import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any, Final

import structlog

from device.errors import CannotIntercept
from device.interception import kernel
from device.interception.door import Door
from device.interception.rules import Ours, Rules, WhenStopped
from device.smtp.connection import Surroundings
from device.smtp.encrypting import IMPLICIT_TLS_PORT
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


class Entrance:
    """Some ports of every server behind this machine, by way of sockets on loopback to which the kernel leads clients.

    close() takes the rules back, and is right after any failure, too.
    """

    def __init__(self, ours: Ours, ports: tuple[int, ...], when_stopped: WhenStopped) -> None:
        self._ours = ours
        self._ports = ports
        self._when_stopped = when_stopped
        self._places: dict[socket.AddressFamily, Endpoint] = {}

    async def bind(self, *, shared: bool) -> list[socket.socket]:
        """Sockets that don't listen yet, `shared` with those of other calls. Raises CannotIntercept."""
        if not self._places and (reason := await kernel.obstacle()) is not None:
            raise CannotIntercept(
                f"mail can't be intercepted transparently here: {reason}",
                next_step="Run it where it can be, or in explicit mode (--intercept explicit).",
            )
        bound = [each for family in _LOOPBACK if (each := self._bound(family, shared=shared)) is not None]
        self._places = {each.family: Endpoint(*each.getsockname()[:2]) for each in bound}
        return bound

    async def open(self) -> None:
        """Somebody listens: let the kernel lead clients there. Raises CannotIntercept."""
        await kernel.install(Rules(self._ours, self._ports, tuple(self._places.values()), self._when_stopped))
        log.info("listener.started", ports=self._ports, families=self._families, rules=self._ours.name)

    async def close(self, *, let_pass: bool) -> None:
        """Our rules are gone, but for the refusal of a device that fails closed, unless `let_pass`."""
        if kernel.may_change():
            await kernel.withdraw(self._ours, let_pass=let_pass)

    def ready(self) -> dict[str, Any]:
        """For the ready line."""
        return {"ports": list(self._ports), "families": self._families}

    def told(self) -> dict[str, Any]:
        """For `srx show status`."""
        return {
            "interception": "transparent",
            "listen": f"port {', '.join(map(str, self._ports))} of every server ({', '.join(self._families)})",
            "mail_server": "the one that each client means",
            "when_stopped": self._when_stopped.value,
            "rules": self._ours.name,
        }

    def warnings(self) -> list[str]:
        """What keeps other traffic from passing."""
        return [
            f"{family} forwarding is off: nothing but mail passes this machine."
            for family in kernel.not_forwarding()
            if family in self._families
        ]

    @property
    def _families(self) -> list[str]:
        return [_FAMILY_NAMES[each] for each in self._places]

    def _bound(self, family: socket.AddressFamily, *, shared: bool) -> socket.socket | None:
        place = self._places.get(family, Endpoint(_LOOPBACK[family], 0))
        return _loopback_socket(family, place.port, shared=shared)


class Listener:
    """Serves the connections that pass to some ports. Sessions run in `tasks`, whose owner calls stop() before leaving it.

    After stop() the rules still stand; the entrance's close() takes them back.
    """

    def __init__(
        self,
        entrance: Entrance,
        reception: Reception,
        limits: SessionLimits,
        *,
        tasks: asyncio.TaskGroup,
        counter: SessionCounter | None = None,
        encryption: Encryption = PLAIN,
    ) -> None:
        self.entrance = entrance
        surroundings = Surroundings(
            lambda arrived_at: arrived_at,
            _dial,
            reception,
            limits,
            tasks,
            encryption=encryption,
            implicit_tls=lambda arrived_at: arrived_at.port == IMPLICIT_TLS_PORT,
        )
        self.door = Door(surroundings, counter)

    async def start(self) -> None:
        """First listen, then let the kernel lead clients here. Raises CannotIntercept."""
        await self.serve(await self.entrance.bind(shared=False))
        await self.entrance.open()

    async def serve(self, bound: Sequence[socket.socket]) -> None:
        """Clients may come on these sockets, wherever they were bound."""
        for each in bound:
            await self.door.open_on(each)

    async def stop(self, grace_seconds: float) -> None:
        """New connections pass or are refused, as it was wished; those that are here may finish."""
        await self.door.close(grace_seconds)


def _loopback_socket(family: socket.AddressFamily, port: int, *, shared: bool) -> socket.socket | None:
    """On loopback, so that nobody comes in but by the kernel's hand; None where the machine has no such family."""
    try:
        made = kernel.transparent_socket(family)
    except OSError:
        return None
    try:
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((_LOOPBACK[family], port))
    except OSError:
        made.close()
        return None
    return made


async def _dial(protocol: Callable[[], asyncio.Protocol], peers: Peers) -> None:
    """A connection to the server that the client meant, from the client's address and, if it can be had, port."""
    if ip_address(peers.server.host).is_loopback:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "a client of this machine itself means no server")
    try:
        connected = await _connected(peers, peers.client.port)
    except OSError as error:
        if error.errno not in _PORT_TAKEN:
            raise
        log.info("server.other-port", client=peers.client.host, client_port=peers.client.port)
        connected = await _connected(peers, 0)
    await asyncio.get_running_loop().create_connection(protocol, sock=connected)


async def _connected(peers: Peers, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in peers.server.host else socket.AF_INET
    made = kernel.transparent_socket(family)
    try:
        if not port:
            made.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
        made.bind((peers.client.host, port))
        await asyncio.get_running_loop().sock_connect(made, (peers.server.host, peers.server.port))
    except BaseException:
        made.close()
        raise
    return made
