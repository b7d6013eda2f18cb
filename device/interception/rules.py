"""What transparent interception asks of the kernel, as text for `nft -f -` and `ip -batch -`.

    client ──SYN to server:25──▶ intercept: tproxy to our listener, marked ──▶ rule: marked packets are ours (table, lo)
    client ◀─▶ device            packets of sockets that we hold (socket transparent): marked, so ours
    device ◀─▶ server            the same; what the server answers to the client's address is for our socket

- Only a SYN is taken: connections that passed before the device started go on untouched.
- What is addressed to this machine itself is left alone, and so is what this machine sends.
- Where nobody listens, nft's tproxy does nothing, and the packet is forwarded: a crash fails open. Where the device is to fail
  closed, a chain refuses in `forward` whatever wasn't taken.
- Both legs have the same addresses and ports; a connection tracker would take them for one and call their packets invalid. So
  they are not tracked. (Zones would do it too, but switch tracking on for everything that passes.)

Everything carries the device's name, or its number where the kernel takes numbers alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from ipaddress import ip_address
from pathlib import PurePath
from typing import Final, Self

from device.smtp.intake import Endpoint

BLOCK_CHAIN: Final = "when_stopped"
BEGINNING: Final = "tcp flags & (syn | ack) == syn"
"""The first packet of a connection."""
_CHAINS: Final = ("untracked_in", "untracked_out", "intercept")
_NUMBER_PREFIX: Final = 0x53 << 24
_OUTWARD: Final = 1 << 24
_FIRST_PREFERENCE: Final = 10_000


class WhenStopped(StrEnum):
    """What happens to mail while no device runs: it passes uninspected (fail-open), or is refused (fail-closed)."""

    PASS = "pass"  # noqa: S105 - no secret
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Ours:
    """By what our rules are known: a name for nftables, a number as firewall mark and routing table, a place among the rules."""

    name: str
    number: int
    preference: int

    @classmethod
    def of(cls, state: PurePath) -> Self:
        """A device is its state folder: the same one after a crash, another one for another device on this machine."""
        digest = sha256(str(state).encode()).hexdigest()
        number = _NUMBER_PREFIX | int(digest[:6], 16)
        return cls(f"srx_{digest[:8]}", number, _FIRST_PREFERENCE + number % _FIRST_PREFERENCE)

    @property
    def outward(self) -> int:
        """A second mark and table, for what the device itself sends into a bridge."""
        return self.number + _OUTWARD


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in the kernel until somebody takes it back, also after a crash.

    Chains by family of nft's tables, and lines for `ip -batch` by version of IP.
    """

    chains: Mapping[str, str]
    routes: Mapping[int, str]

    def install(self, ours: Ours) -> str:
        """One transaction of nft: whatever has our name in these families is replaced."""
        return "".join(
            f"{remove(ours, family)}table {family} {ours.name} {{\n{chains}}}\n"
            for family, chains in self.chains.items()
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """One running device: which ports it takes, and where it listens (loopback; one address a family).

    `among` restricts what is taken, as a match of nft's.
    """

    ours: Ours
    ports: tuple[int, ...]
    listeners: tuple[Endpoint, ...]
    when_stopped: WhenStopped = WhenStopped.PASS
    among: str = ""

    def standing(self) -> Standing:
        """Where the device stands in the routed path."""
        refusal = block(self.ports) if self.when_stopped is WhenStopped.BLOCK else ""
        return Standing({"inet": self.chains() + refusal}, dict.fromkeys(self.versions(), route_in(self.ours)))

    def chains(self) -> str:
        """What leads connections to the listeners."""
        ports = port_set(self.ports)
        return self._untracked(ports) + self._intercept(ports)

    def versions(self) -> list[int]:
        """The versions of IP that there are listeners for."""
        return [ip_address(each.host).version for each in self.listeners]

    def _untracked(self, ports: str) -> str:
        return f"""\
  chain untracked_in {{
    type filter hook prerouting priority raw; policy accept;
    tcp dport {ports} socket transparent 1 notrack
    tcp sport {ports} socket transparent 1 notrack
  }}
  chain untracked_out {{
    type filter hook output priority raw; policy accept;
    tcp dport {ports} fib saddr type != local notrack
    tcp sport {ports} fib saddr type != local notrack
  }}
"""

    def _intercept(self, ports: str) -> str:
        marked = f"meta mark set {self.ours.number:#x} accept"
        taken = "".join(
            f"    {self.among}meta nfproto {protocol} tcp dport {ports} {BEGINNING} fib daddr type != local "
            f"tproxy {family} to {listener} {marked}\n"
            for listener in self.listeners
            for protocol, family in [("ipv6", "ip6") if _is_ipv6(listener) else ("ipv4", "ip")]
        )
        return f"""\
  chain intercept {{
    type filter hook prerouting priority mangle; policy accept;
    tcp dport {ports} socket transparent 1 {marked}
    tcp sport {ports} socket transparent 1 {marked}
{taken}  }}
"""


def port_set(ports: tuple[int, ...]) -> str:
    """As nft writes it."""
    return f"{{ {', '.join(map(str, ports))} }}"


def remove(ours: Ours, family: str = "inet") -> str:
    """Nothing of ours stays in nftables; also where nothing was."""
    return f"table {family} {ours.name}\ndelete table {family} {ours.name}\n"


def leave_block(ours: Ours) -> str:
    """Only the refusal of a device that fails closed stays."""
    return "".join(f"{act} chain inet {ours.name} {chain}\n" for chain in _CHAINS for act in ("add", "flush", "delete"))


def route_in(ours: Ours) -> str:
    """`ip -batch`: what carries our mark is delivered on this machine, wherever it is addressed."""
    return (
        f"rule add pref {ours.preference} fwmark {ours.number:#x} lookup {ours.number}\n"
        f"route replace local default dev lo table {ours.number}\n"
    )


def route_out(ours: Ours) -> str:
    """`ip -force -batch`: the end of all rules and routes of ours; each line may find nothing to do."""
    return "".join(
        f"rule del pref {ours.preference} fwmark {mark:#x} lookup {mark}\nroute flush table {mark}\n"
        for mark in (ours.number, ours.outward)
    )


def block(ports: tuple[int, ...]) -> str:
    """The chain that refuses, in the routed path, what nobody took."""
    return f"""\
  chain {BLOCK_CHAIN} {{
    type filter hook forward priority filter; policy accept;
    tcp dport {port_set(ports)} reject with tcp reset
  }}
"""


def _is_ipv6(listener: Endpoint) -> bool:
    return ip_address(listener.host).version == 6
