"""Clients and their sessions, by whichever way they come.

An entrance is the way: one process binds its sockets, opens it once somebody listens, and closes it. A listener serves clients on
these sockets, in the same process or in several others, and asks an entrance of its own, which nobody opens, whom a client means.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from device.interception.door import Door
from device.smtp.connection import Surroundings
from device.smtp.intake import Endpoint, Peers, Reception
from device.smtp.introduction import ClientAddress
from device.smtp.leg import Leg
from device.smtp.limits import SessionLimits
from device.smtp.sessions import SessionCounter
from device.smtp.streaming import Delivery
from device.tls.encryption import PLAIN, Encryption


class Entrance(Protocol):
    """How clients come here, and how the server is reached for them: bind(), open(), let_go(), close()."""

    @property
    def client_address(self) -> ClientAddress:
        """How the server learns who its client is."""

    async def bind(self, *, shared: bool) -> list[socket.socket]:
        """Sockets that don't listen yet, `shared` with those of other calls. Raises WrongSetting, CannotIntercept."""

    def know(self, bound: Sequence[socket.socket]) -> None:
        """Which ports were got, where another process has bound them."""

    async def open(self) -> None:
        """Somebody listens: lead clients there. Raises CannotIntercept."""

    async def let_go(self) -> None:
        """New clients are led here no more; those that are here go on."""

    async def close(self, *, let_pass: bool) -> None:
        """This machine is as it was, but for the refusal of a device that fails closed, unless `let_pass`.

        It is right after any failure, too, and where nothing was opened.
        """

    def ready(self) -> dict[str, Any]:
        """For the ready line."""

    def told(self) -> dict[str, Any]:
        """For `srx show status`."""

    def warnings(self) -> list[str]:
        """What the person in charge must not overlook."""

    def server_for(self, client: Leg) -> Endpoint:
        """The real server that a client means."""

    def is_tls(self, client: Leg) -> bool:
        """Whether a client begins with TLS (RFC 8314): known by port alone."""

    async def dial(self, protocol: Callable[[], asyncio.Protocol], peers: Peers) -> None:
        """A connection to the real server, for that client. OSError, if there is none."""


class Listener:
    """Serves the clients of an entrance. Sessions run in `tasks`, whose owner calls stop() before leaving it.

    After stop() the entrance is still as it was: whoever opened it closes it.
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
        delivery: Delivery = Delivery.HOLD,
    ) -> None:
        self._entrance = entrance
        surroundings = Surroundings(
            entrance.server_for,
            entrance.dial,
            reception,
            limits,
            tasks,
            entrance.client_address,
            encryption,
            entrance.is_tls,
            delivery,
        )
        self.door = Door(surroundings, counter)

    async def start(self) -> None:
        """First listen, then let clients come. Raises WrongSetting, CannotIntercept."""
        await self.serve(await self._entrance.bind(shared=False))
        await self._entrance.open()

    async def serve(self, bound: Sequence[socket.socket]) -> None:
        """Clients may come on these sockets, wherever they were bound."""
        self._entrance.know(bound)
        for each in bound:
            await self.door.open_on(each)

    async def stop(self, grace_seconds: float) -> None:
        """No more clients; sessions in a transaction may end it within that time, idle ones hear 421 4.3.2."""
        await self.door.close(grace_seconds)
