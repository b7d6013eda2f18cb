"""Explicit interception: clients connect to an address of ours, and behind it stands one fixed real server.

The server sees the device's address instead of the client's. Anything it grants the device (relaying, say) it would grant every
client; so elsewhere than on loopback the server has to be told who the client is, or somebody has to want it so.
"""

import asyncio
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import structlog

from device.errors import WrongSetting
from device.interception.door import Door
from device.smtp.connection import Surroundings
from device.smtp.intake import Endpoint, Peers, Reception
from device.smtp.introduction import ClientAddress
from device.smtp.limits import SessionLimits
from device.smtp.sessions import SessionCounter
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
        surroundings = Surroundings(lambda _: server, self._dial, reception, limits, tasks, client_address, encryption)
        self._door = Door(surroundings, counter)

    async def start(self) -> None:
        """Clients may come. WrongSetting, if the address can't be had."""
        try:
            self.endpoint = await self._door.open_at(self.endpoint)
        except OSError as error:
            raise WrongSetting(
                f"can't listen on {self.endpoint}: {error.strerror or error}",
                next_step="Is something else listening there? Name another address with --listen.",
            ) from error
        structlog.get_logger().info(
            "listener.started", host=self.endpoint.host, port=self.endpoint.port, server=self._server.host
        )

    async def stop(self, grace_seconds: float) -> None:
        """No more clients; sessions in a transaction may end it within that time, idle ones hear 421 4.3.2."""
        await self._door.close(grace_seconds)

    async def close(self, *, let_pass: bool) -> None:
        """The machine is as it was before: nothing had to be changed for this."""

    def ready(self) -> dict[str, Any]:
        """For the ready line."""
        return {"smtp": str(self.endpoint)}

    def told(self) -> dict[str, Any]:
        """For `srx show status`."""
        return {"interception": "explicit", "listen": str(self.endpoint), "mail_server": str(self._server)}

    def warnings(self) -> list[str]:
        """Nothing of its own."""
        return []

    async def _dial(self, protocol: Callable[[], asyncio.Protocol], _peers: Peers) -> None:
        """A connection from the device's own address."""
        await asyncio.get_running_loop().create_connection(protocol, self._server.host, self._server.port)


def refuse_open_relay(listen: Endpoint, client_address: ClientAddress, *, consent: bool) -> None:
    """WrongSetting, if the server would take strangers for the device without anybody having wanted it."""
    if _is_loopback(listen.host) or client_address is not ClientAddress.HIDDEN or consent:
        return
    raise open_relay(f"Listening on {listen.host}", "listen on loopback, ")


def open_relay(what: str, instead: str = "") -> WrongSetting:
    """The error for what would make one; `instead` is another way out, beside telling the server and wanting it so."""
    return WrongSetting(
        f"{what} would let the server take every client for this device: an open relay.",
        next_step=f"Let the server learn the client (--client-address proxy or xclient), {instead}or consent to it "
        "(--accept-open-relay).",
    )


def _is_loopback(host: str) -> bool:
    """A name other than localhost may resolve to anything."""
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"
