"""How often one peer may knock on the enrolment port: a token bucket for each address.

Guessing a 256-bit secret is hopeless at any rate; what is limited is the work that strangers can cause: signature checks,
nonces, lines in the audit log.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import unquote

from cloud.clock import Clock
from cloud.errors import Busy

BURST: Final = 120
PER_SECOND: Final = 2.0
MOST_PEERS: Final = 10_000
"""How many addresses are remembered; beyond it the one that was quiet for longest is forgotten."""


@dataclass(slots=True)
class _Bucket:
    calls: float
    filled_at: datetime


class PeerRates:
    """Counts calls by peer address. `burst` calls at once, `per_second` after that."""

    def __init__(self, clock: Clock, *, burst: int = BURST, per_second: float = PER_SECOND) -> None:
        self._clock = clock
        self._burst = burst
        self._per_second = per_second
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, peer: str) -> None:
        """One call of that peer, named as gRPC names it (ipv4:192.0.2.1:4711). Raises Busy (RATE_LIMITED)."""
        bucket = self._bucket(address_of(peer))
        if bucket.calls < 1:
            raise Busy("too many calls from this address", next_step="Wait a few seconds and try again.", peer=peer)
        bucket.calls -= 1

    def _bucket(self, address: str) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.setdefault(address, _Bucket(self._burst, now))
        self._buckets.move_to_end(address)
        if len(self._buckets) > MOST_PEERS:
            self._buckets.popitem(last=False)
        passed = max((now - bucket.filled_at).total_seconds(), 0.0)
        bucket.calls = min(self._burst, bucket.calls + passed * self._per_second)
        bucket.filled_at = now
        return bucket


def address_of(peer: str) -> str:
    """The peer's address without its port; of IPv6 the /64, since one host has all of it. Other peers are one another's kin."""
    family, _, rest = peer.partition(":")
    if family not in ("ipv4", "ipv6"):
        return family
    host = unquote(rest).rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return family
    return str(IPv6Address(int(address) >> 64 << 64)) if isinstance(address, IPv6Address) else host
