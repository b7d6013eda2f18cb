"""Explicit interception: clients connect to an address of ours, and behind it stands one fixed real server.

The server sees the device's address instead of the client's. Anything it grants the device (relaying, say) it would grant every
client; so elsewhere than on loopback the server has to be told who the client is, or somebody has to want it so.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import structlog

from device.errors import WrongSetting
from device.interception.sockets import bound_sockets
from device.smtp.intake import Endpoint, Peers
from device.smtp.introduction import ClientAddress
from device.smtp.leg import Leg


@dataclass(slots=True)
class TlsDoor:
    """Where clients come that begin with TLS (RFC 8314, usually port 465), and the server's port that does so, too."""

    endpoint: Endpoint
    server: Endpoint


class Entrance:
    """One address, IPv4 or IPv6, in front of one server; and one more, where clients begin with TLS.

    Port 0 takes any free port; `endpoint`, and the door's, name it after bind(). WrongSetting, if this would be an open relay.
    """

    def __init__(
        self,
        listen: Endpoint,
        server: Endpoint,
        tls: TlsDoor | None = None,
        *,
        client_address: ClientAddress = ClientAddress.HIDDEN,
        consent: bool = False,
    ) -> None:
        for each in (listen, *([tls.endpoint] if tls else [])):
            refuse_open_relay(each, client_address, consent=consent)
        self.client_address = client_address
        self.endpoint = listen
        self.tls = tls
        self._server = server
        self._first = True

    async def bind(self, *, shared: bool) -> list[socket.socket]:
        """Sockets that don't listen yet, `shared` with those of other calls, the TLS door's last.

        WrongSetting, if an address can't be had.
        """
        bound = self._bound(self.endpoint, "--listen", shared=shared)
        self.endpoint = Endpoint(self.endpoint.host, bound[0].getsockname()[1])
        if self.tls is not None:
            bound += self._bound(self.tls.endpoint, "--tls-listen", shared=shared)
            self.know(bound)
        self._first = False
        return bound

    def know(self, bound: Sequence[socket.socket]) -> None:
        """Which port the TLS door got, where another process has bound it."""
        if self.tls is not None:
            self.tls.endpoint = Endpoint(self.tls.endpoint.host, bound[-1].getsockname()[1])

    async def open(self) -> None:
        """Clients come by themselves."""
        structlog.get_logger().info(
            "listener.started", host=self.endpoint.host, port=self.endpoint.port, server=self._server.host
        )

    async def let_go(self) -> None:
        """Nobody was led here."""

    async def close(self, *, let_pass: bool) -> None:
        """The machine is as it was before: nothing had to be changed for this."""

    def ready(self) -> dict[str, Any]:
        """For the ready line."""
        return {"smtp": str(self.endpoint)} | ({} if self.tls is None else {"smtps": str(self.tls.endpoint)})

    def told(self) -> dict[str, Any]:
        """For `srx show status`."""
        told = {"interception": "explicit", "listen": str(self.endpoint), "mail_server": str(self._server)}
        if self.tls is not None:
            told |= {"tls_listen": str(self.tls.endpoint), "tls_mail_server": str(self.tls.server)}
        return told

    def warnings(self) -> list[str]:
        """Nothing of its own."""
        return []

    def is_tls(self, client: Leg) -> bool:
        """By the port that it came to: a door may be open at every address of this machine."""
        return self.tls is not None and client.arrived_at.port == self.tls.endpoint.port

    def server_for(self, client: Leg) -> Endpoint:
        """The one behind the door by which that client came."""
        return self.tls.server if self.tls is not None and self.is_tls(client) else self._server

    async def dial(self, protocol: Callable[[], asyncio.Protocol], peers: Peers) -> None:
        """A connection from the device's own address."""
        await asyncio.get_running_loop().create_connection(protocol, peers.server.host, peers.server.port)

    def _bound(self, address: Endpoint, flag: str, *, shared: bool) -> list[socket.socket]:
        try:
            return bound_sockets(address, shared=shared, first=self._first)
        except OSError as error:
            raise WrongSetting(
                f"can't listen on {address}: {error.strerror or error}",
                next_step=f"Is something else listening there? Name another address with {flag}.",
            ) from error


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
