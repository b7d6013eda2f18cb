"""One address may do so much, whatever its port; others are not held up by it."""

import pytest

from cloud.errors import Busy
from cloud.rpc.rates import MOST_PEERS, PeerRates, address_of
from tests.enrolling import OwnClock


def test_a_burst_is_served_then_calls_come_at_the_rate() -> None:
    clock = OwnClock(frozen=OwnClock()())
    rates = PeerRates(clock, burst=3, per_second=1)
    for port in (1, 2, 3):
        rates.take(f"ipv4:192.0.2.1:{port}")
    with pytest.raises(Busy):
        rates.take("ipv4:192.0.2.1:4")
    rates.take("ipv4:192.0.2.2:1")
    clock.forward(seconds=1)
    rates.take("ipv4:192.0.2.1:5")
    with pytest.raises(Busy):
        rates.take("ipv4:192.0.2.1:6")


def test_memory_is_bounded_however_many_addresses_call() -> None:
    rates = PeerRates(OwnClock(frozen=OwnClock()()), burst=1)
    for number in range(MOST_PEERS + 10):
        rates.take(f"ipv4:10.{number >> 16}.{number >> 8 & 255}.{number & 255}:1")
    assert len(rates._buckets) == MOST_PEERS


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.1:4711", "192.0.2.1"),
        ("ipv6:%5B2001:db8:1:2:3:4:5:6%5D:4711", "2001:db8:1:2::"),
        ("ipv6:[2001:db8:1:2::9]:4711", "2001:db8:1:2::"),
        ("ipv6:%5Bfe80::1%25eth0%5D:4711", "fe80::"),
        ("unix:/run/x", "unix"),
        ("ipv4:nonsense", "ipv4"),
    ],
)
def test_a_peer_is_its_address_and_of_ipv6_its_network(peer: str, address: str) -> None:
    assert address_of(peer) == address
