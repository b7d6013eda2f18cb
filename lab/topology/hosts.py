"""What a network consists of, as values, and what `ip -batch` makes it from. Needs nothing of the machine."""

from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_interface


@dataclass(frozen=True, slots=True)
class Port:
    """One end of a cable in a host: the interface's name, and its addresses with their prefix lengths."""

    name: str
    addresses: tuple[IPv4Interface | IPv6Interface, ...]

    @classmethod
    def of(cls, name: str, *addresses: str) -> "Port":
        """From addresses as text: 10.1.0.10/24."""
        return cls(name, tuple(ip_interface(each) for each in addresses))


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge in a host: its name, and the ports of the host that it joins."""

    name: str
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Host:
    """A machine of the network. One that forwards is a router; `gateways` are where it sends what isn't near."""

    name: str
    ports: tuple[Port, ...]
    gateways: tuple[str, ...] = ()
    forwards: bool = False
    bridges: tuple[Bridge, ...] = ()


@dataclass(frozen=True, slots=True)
class Cable:
    """Joins two ports, each named as host and interface."""

    one: tuple[str, str]
    other: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Network:
    """Hosts and cables; `name` tells this network's namespaces from others on the machine."""

    name: str
    hosts: tuple[Host, ...]
    cables: tuple[Cable, ...]

    def namespace(self, host: str) -> str:
        """A host's network namespace."""
        return f"{self.name}-{host}"

    def beginning(self) -> str:
        """`ip -batch`: the namespaces, and the cables between them."""
        made = [f"netns add {self.namespace(host.name)}" for host in self.hosts]
        laid = [
            f"link add {one} netns {self.namespace(near)} type veth peer name {other} netns {self.namespace(far)}"
            for cable in self.cables
            for (near, one), (far, other) in [(cable.one, cable.other)]
        ]
        return "\n".join([*made, *laid, ""])

    def end(self) -> str:
        """`ip -force -batch`: nothing stays."""
        return "".join(f"netns del {self.namespace(host.name)}\n" for host in self.hosts)


def setting_up(host: Host) -> str:
    """`ip -netns … -batch`: interfaces, addresses and routes of one host. IPv6 addresses are there at once (nodad)."""
    lines = ["link set lo up", *(line for bridge in host.bridges for line in _bridging(bridge))]
    for port in host.ports:
        lines += [f"link set {port.name} up"]
        lines += [
            f"addr add {address} dev {port.name}{' nodad' if address.version == 6 else ''}"
            for address in port.addresses
        ]
    lines += [f"route add default via {gateway}" for gateway in host.gateways]
    return "\n".join([*lines, ""])


def _bridging(bridge: Bridge) -> list[str]:
    joined = [f"link set {port} master {bridge.name}" for port in bridge.ports]
    return [f"link add {bridge.name} type bridge", *joined, f"link set {bridge.name} up"]
