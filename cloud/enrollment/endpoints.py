"""Where devices reach this cloud, as it tells them."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The advertised host (a name or an address) and the two ports."""

    host: str
    enrolment_port: int
    device_port: int

    @property
    def device(self) -> str:
        """HOST:PORT of the device port; IPv6 in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.device_port}"


Advertised = Callable[[], Endpoints]
"""Asked when it is needed, since a port 0 is known only once it is bound. Raises CloudError where it is not known yet."""
