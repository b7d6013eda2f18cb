"""Explicit interception: clients connect to an address of ours, and behind it stands one fixed real server.

The server sees the device's address instead of the client's. Anything it grants the device (relaying, say) it would grant every
client; so elsewhere than on loopback the server has to be told who the client is, or somebody has to want it so.
"""

import asyncio
from collections.abc import Callable
from ipaddress import ip_address

import structlog

from device.errors import WrongSetting
from device.smtp import limits as caps
from device.smtp.connection import Surroundings
from device.smtp.intake import Endpoint, Reception
from device.smtp.introduction import ClientAddress
from device.smtp.limits import SessionLimits
from device.smtp.sessions import NobodyCounts, SessionCounter, Sessions
from device.tls.encryption import PLAIN, Encryption


class Listener:
    """Listens on one address, IPv4 or IPv6, in front of one server.

    Port 0 takes any free port; `endpoint` names it after start(). WrongSetting, if this would be an open relay. Sessions run in
    `tasks`, whose owner calls stop() before leaving it.
    """

    def __init__(
        self,
        listen: Endpoint,
        server: Endpoint,
        reception: Reception,
        limits: SessionLimits,
        *,
        tasks: asyncio.TaskGroup,
        counter: SessionCounter | None = None,
        client_address: ClientAddress = ClientAddress.HIDDEN,
        consent: bool = False,
        encryption: Encryption = PLAIN,
    ) -> None:
        refuse_open_relay(listen, client_address, consent=consent)
        self.endpoint = listen
        self._server = server
        self._listening: asyncio.Server | None = None
        surroundings = Surroundings(server, self._dial, reception, limits, tasks, client_address, encryption)
        self._sessions = Sessions(surroundings, counter or NobodyCounts())

    async def start(self) -> None:
        """Clients may come. OSError, if the address can't be had."""
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(
            self._sessions.accept, self.endpoint.host, self.endpoint.port, backlog=caps.BACKLOG
        )
        self.endpoint = Endpoint(*self._listening.sockets[0].getsockname()[:2])
        self._sessions.start()
        structlog.get_logger().info(
            "listener.started", host=self.endpoint.host, port=self.endpoint.port, server=self._server.host
        )

    async def stop(self, grace_seconds: float) -> None:
        """No more clients; sessions in a transaction may end it within that time, idle ones hear 421 4.3.2."""
        if self._listening is not None:
            self._listening.close()
        await self._sessions.stop(grace_seconds)
        structlog.get_logger().info("listener.stopped")

    async def _dial(self, protocol: Callable[[], asyncio.Protocol], client: Endpoint) -> None:  # noqa: ARG002 transparent needs it
        """A connection from the device's own address."""
        await asyncio.get_running_loop().create_connection(protocol, self._server.host, self._server.port)


def refuse_open_relay(listen: Endpoint, client_address: ClientAddress, *, consent: bool) -> None:
    """WrongSetting, if the server would take strangers for the device without anybody having wanted it."""
    if _is_loopback(listen.host) or client_address is not ClientAddress.HIDDEN or consent:
        return
    raise WrongSetting(
        f"Listening on {listen.host} would let the server take every client for this device: an open relay.",
        next_step="Let the server learn the client (--client-address proxy or xclient), listen on loopback, or consent to it.",
        listen=listen.host,
    )


def _is_loopback(host: str) -> bool:
    """A name other than localhost may resolve to anything."""
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"
