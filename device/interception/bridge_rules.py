"""What interception in a bridge asks of the kernel, as text for `nft` and `ip -batch -`.

    client ──frame to server:25──▶ take: to the bridge's own address, marked ──▶ IP stack of this machine, tproxy as in rules.py
    device ──frame to nobody────▶ give: the addresses of client and server  ──▶ the one port that leads to them

- A connection is taken from its first frame to its last; what began before the device, and everything else, is bridged.
- What goes out needs no address, route or neighbour of the machine's: the device's packets go to a gateway that isn't there,
  and as their frames leave the bridge they get the link addresses that the client's own first frame had. So client and server see
  each other's link addresses, too, and nobody is asked for his (no ARP, no neighbour discovery).
- A frame to nobody leaves by every port. Of the two copies, the one that goes the wrong way is dropped.
- These rules live in a table that the kernel removes with its owner (while_running.py): a crash fails open. Where the device is
  to fail closed, another table drops what wasn't taken; many kernels can't refuse in a bridge.
- Under a flood the sets fill up: then new connections fail; none passes uninspected.
"""

from dataclasses import dataclass
from typing import Final

from device.interception.rules import BEGINNING, BLOCK_CHAIN, Ours, Rules, Standing, WhenStopped, port_set, route_in

NEWCOMERS: Final = "newcomers"
"""The chain that takes new connections: emptied when the device is to take no more."""
_ADDRESS_TYPES: Final = {4: "ipv4_addr", 6: "ipv6_addr"}
_PROTOCOLS: Final = {4: "ip", 6: "ip6"}
_FLEETING: Final = "timeout 1m"
"""For a connection of which there is only the first frame."""
_LASTING: Final = "timeout 15m"
"""Since its last frame; no session is silent for so long (RFC 5321, section 4.5.3.2)."""
_SIZE: Final = 1 << 20
"""Entries of each set at most; some hundred bytes each, when they are there."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge of this machine: its name, its own link address, and its two ports."""

    name: str
    address: str
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BridgeRules:
    """One running device in a bridge. `routed` is what the IP stack does with the frames that are taken."""

    bridge: Bridge
    routed: Rules

    @classmethod
    def of(cls, bridge: Bridge, routed: Rules) -> "BridgeRules":
        """The IP stack takes nothing but what the bridge has marked."""
        among = f'iifname "{bridge.name}" meta mark {routed.ours.number:#x} '
        return cls(bridge, Rules(routed.ours, routed.ports, routed.listeners, routed.when_stopped, among))

    def standing(self) -> Standing:
        """Everything but the taking itself."""
        chains = {"inet": self.routed.chains()}
        if self.routed.when_stopped is WhenStopped.BLOCK:
            chains["bridge"] = self._block()
        ours = self.routed.ours
        way_out = {version: _way_out(ours, version, self.bridge.name) for version in self.routed.versions()}
        return Standing(chains, {version: route_in(ours) + lines for version, lines in way_out.items()})

    def while_running(self) -> str:
        """The chains of the table that goes with the device."""
        versions = self.routed.versions()
        ports = port_set(self.routed.ports)
        return f"""\
{"".join(map(_sets, versions))}\
  chain up {{
    meta mark set {self.routed.ours.number:#x} ether daddr set {self.bridge.address} meta pkttype set host accept
  }}
  chain {NEWCOMERS} {{
{"".join(self._remember(version) for version in versions)}\
  }}
  chain take {{
    type filter hook prerouting priority dstnat; policy accept;
    iifname != {self._names()} accept
    ether daddr {self.bridge.address} accept
    tcp dport {ports} {BEGINNING} jump {NEWCOMERS}
{"".join(self._recognise(version, ports) for version in versions)}\
  }}
  chain give {{
    type filter hook output priority filter; policy accept;
    ether daddr != {_nobody(self.routed.ours)} accept
{"".join(self._address(version, ports) for version in versions)}\
    drop
  }}
"""

    def _names(self) -> str:
        return "{ " + ", ".join(f'"{port}"' for port in self.bridge.ports) + " }"

    def _remember(self, version: int) -> str:
        """Who is behind which port, and has which link address, as this frame says it; an older answer is replaced."""
        ip, hosts, behind = _PROTOCOLS[version], f"@hosts_{version}", _behind(version)
        lines = [f"update @connections_{version} {{ {_connection(version)} {_FLEETING} }}"]
        for end in ("saddr", "daddr"):
            address = f"{{ {ip} {end} : ether {end} }}"
            lines.append(f"delete {hosts} {address} update {hosts} {address}")
        for side, port in enumerate(self.bridge.ports):
            old = f"delete {behind[1 - side]} {{ {ip} saddr }} delete {behind[side]} {{ {ip} daddr }}"
            lines.append(f'iifname "{port}" {old} {_behind_update(version, side)}')
        lines.append(f"ether type {ip} goto up")
        return "".join(f"    {line}\n" for line in lines)

    def _recognise(self, version: int, ports: str) -> str:
        """Frames of connections that were taken; what is remembered for them is kept for longer."""
        ip, connections = _PROTOCOLS[version], f"@connections_{version}"
        connection, back = _connection(version), _connection(version, reply=True)
        known = " ".join(f"update @hosts_{version} {{ {ip} {end} : ether {end} }}" for end in ("saddr", "daddr"))
        kept = f"update {connections} {{ {connection} {_LASTING} }} {known}"
        lines = [
            f'iifname "{port}" tcp dport {ports} {connection} {connections} {kept} {_behind_update(version, side)} goto up'
            for side, port in enumerate(self.bridge.ports)
        ]
        lines.append(f"tcp sport {ports} {back} {connections} update {connections} {{ {back} {_LASTING} }} goto up")
        return "".join(f"    {line}\n" for line in lines)

    def _address(self, version: int, ports: str) -> str:
        """Link addresses for a frame of the device's own; and never out of the port that doesn't lead there."""
        ip, hosts, behind = _PROTOCOLS[version], f"@hosts_{version}", _behind(version)
        begun = f"{{ {_connection(version)} {_FLEETING} }}"
        lines = [
            f"tcp dport {ports} {BEGINNING} update @connections_{version} {begun}",
            *(f'oifname "{port}" {ip} daddr {behind[1 - side]} drop' for side, port in enumerate(self.bridge.ports)),
            f"ether saddr set {ip} saddr map {hosts} ether daddr set {ip} daddr map {hosts} accept",
        ]
        return "".join(f"    {line}\n" for line in lines)

    def _block(self) -> str:
        return f"""\
  chain {BLOCK_CHAIN} {{
    type filter hook prerouting priority -290; policy accept;
    iifname {self._names()} ether daddr != {self.bridge.address} tcp dport {port_set(self.routed.ports)} drop
  }}
"""


def forget_gateway(ours: Ours, version: int) -> str:
    """`ip -force -batch`: nobody's link address is forgotten, on whichever bridge."""
    return f"neigh flush to {_gateway(ours, version)} nud permanent\n"


def _way_out(ours: Ours, version: int, bridge: str) -> str:
    """What carries the second mark leaves by the bridge, to a gateway that isn't there."""
    gateway, onlink = _gateway(ours, version), " onlink" if version == 4 else ""
    return (
        f"neigh replace {gateway} lladdr {_nobody(ours)} dev {bridge} nud permanent\n"
        f"rule add pref {ours.preference} fwmark {ours.outward:#x} lookup {ours.outward}\n"
        f"route replace default via {gateway} dev {bridge}{onlink} table {ours.outward}\n"
    )


def _gateway(ours: Ours, version: int) -> str:
    """A link-local address (RFC 3927, RFC 4291) out of the device's number."""
    high, middle, low = (ours.number & 0xFFFFFF).to_bytes(3, "big")
    return f"169.254.{1 + middle % 254}.{low}" if version == 4 else f"fe80::5352:58{high:02x}:{middle:02x}{low:02x}"


def _nobody(ours: Ours) -> str:
    """A locally administered link address out of the device's number."""
    return ":".join(["02", "53", *(f"{byte:02x}" for byte in ours.number.to_bytes(4, "big"))])


def _behind(version: int) -> tuple[str, str]:
    """The sets of hosts behind the one port and the other."""
    return f"@behind_0_{version}", f"@behind_1_{version}"


def _behind_update(version: int, side: int) -> str:
    """The client is where the frame came in, the server on the other side."""
    ip, behind = _PROTOCOLS[version], _behind(version)
    return f"update {behind[side]} {{ {ip} saddr }} update {behind[1 - side]} {{ {ip} daddr }}"


def _connection(version: int, *, reply: bool = False) -> str:
    """Client and server with their ports."""
    ends = [f"{_PROTOCOLS[version]} {side}addr . tcp {side}port" for side in ("s", "d")]
    return " . ".join(reversed(ends) if reply else ends)


def _sets(version: int) -> str:
    """What the kernel remembers of taken connections, and of the hosts at their ends."""
    address = _ADDRESS_TYPES[version]
    sets = {
        f"set connections_{version}": f"{address} . inet_service . {address} . inet_service",
        f"set behind_0_{version}": address,
        f"set behind_1_{version}": address,
        f"map hosts_{version}": f"{address} : ether_addr",
    }
    return "".join(
        f"  {name} {{ type {kind}; size {_SIZE}; flags dynamic,timeout; {_LASTING}; }}\n" for name, kind in sets.items()
    )
