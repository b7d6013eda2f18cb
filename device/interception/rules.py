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

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from ipaddress import ip_address
from pathlib import PurePath
from typing import Final, Self

from device.smtp.intake import Endpoint

BLOCK_CHAIN: Final = "when_stopped"
_CHAINS: Final = ("untracked_in", "untracked_out", "intercept")
_NUMBER_PREFIX: Final = 0x53 << 24
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


@dataclass(frozen=True, slots=True)
class Rules:
    """One running device: which ports it takes, and where it listens (loopback; one address a family)."""

    ours: Ours
    ports: tuple[int, ...]
    listeners: tuple[Endpoint, ...]
    when_stopped: WhenStopped = WhenStopped.PASS

    def install(self) -> str:
        """One transaction of nft: whatever has our name is replaced."""
        ports = f"{{ {', '.join(map(str, self.ports))} }}"
        blocking = self.when_stopped is WhenStopped.BLOCK
        chains = [self._untracked(ports), self._intercept(ports), *([_block(ports)] if blocking else [])]
        name = self.ours.name
        return f"{remove(self.ours)}table inet {name} {{\n{''.join(chains)}}}\n"

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
            f"    meta nfproto {protocol} tcp dport {ports} tcp flags & (syn | ack) == syn fib daddr type != local "
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


def remove(ours: Ours) -> str:
    """Nothing of ours stays in nftables; also where nothing was."""
    return f"table inet {ours.name}\ndelete table inet {ours.name}\n"


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
    """`ip -force -batch`: the end of that; each line may find nothing to do."""
    return f"rule del pref {ours.preference} fwmark {ours.number:#x} lookup {ours.number}\nroute flush table {ours.number}\n"


def _block(ports: str) -> str:
    return f"""\
  chain {BLOCK_CHAIN} {{
    type filter hook forward priority filter; policy accept;
    tcp dport {ports} reject with tcp reset
  }}
"""


def _is_ipv6(listener: Endpoint) -> bool:
    return ip_address(listener.host).version == 6
