"""Where the service listens: a host and a port, as people write them."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. Port 0 takes any free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read HOST:PORT, IPv6 addresses in brackets. Raises ValueError."""
        parts = urlsplit(f"//{text}")
        if not parts.hostname or parts.port is None or parts.netloc != text or "@" in text:
            raise ValueError(text)
        return cls(parts.hostname, parts.port)

    def __str__(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def on_loopback(self) -> bool:
        """Whether nobody outside of this machine can come in."""
        return is_loopback(self.host)

    @property
    def everywhere(self) -> bool:
        """Whether this means all addresses of the machine, which nobody can connect to by that name."""
        return self.host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


def is_loopback(host: str) -> bool:
    """Whether the host is this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
