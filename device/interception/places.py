"""Where the kernel leads clients of some ports of every server: a place on this machine for each version of IP that it has."""

import socket
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from device.smtp.intake import Endpoint

_VERSIONS: Final = {socket.AF_INET: 4, socket.AF_INET6: 6}


class Bound(Protocol):
    """Makes a socket."""

    def __call__(self, family: socket.AddressFamily, at: tuple[str, int], *, shared: bool) -> socket.socket:
        """Bound to that address and port. OSError, if it can't be had."""


class Places:
    """Bound as often as processes need sockets of their own: the ports that were got first stay."""

    def __init__(self, ports: tuple[int, ...], hosts: Mapping[socket.AddressFamily, str], bound: Bound) -> None:
        self.by_version: dict[int, Endpoint] = {}
        self._ports = ports
        self._hosts = hosts
        self._bound = bound

    def bind(self, *, shared: bool) -> list[socket.socket]:
        """Sockets that don't listen yet; none for a version of IP that the machine doesn't have."""
        made = [each for family in self._hosts if (each := self._made(family, shared=shared)) is not None]
        self.know(made)
        return made

    def know(self, bound: Sequence[socket.socket]) -> None:
        """Where they are."""
        self.by_version |= {_VERSIONS[each.family]: Endpoint(*each.getsockname()[:2]) for each in bound}

    @property
    def families(self) -> list[str]:
        """Those of IPv4 and IPv6 that there is a place for."""
        return [f"IPv{version}" for version in self.by_version]

    def ready(self) -> dict[str, Any]:
        """For the ready line."""
        return {"ports": list(self._ports), "families": self.families}

    def told(self) -> dict[str, Any]:
        """For `srx show status`."""
        return {
            "listen": f"port {', '.join(map(str, self._ports))} of every server ({', '.join(self.families)})",
            "mail_server": "the one that each client means",
        }

    def _made(self, family: socket.AddressFamily, *, shared: bool) -> socket.socket | None:
        before = self.by_version.get(_VERSIONS[family])
        try:
            return self._bound(family, (self._hosts[family], 0 if before is None else before.port), shared=shared)
        except OSError:
            return None
