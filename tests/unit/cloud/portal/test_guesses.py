"""Wrong links are counted by source, for a minute, in bounded memory."""

import pytest

from cloud.errors import Busy
from cloud.portal import guesses
from cloud.portal.guesses import MAX_GUESSES, Guesses
from tests.unit.cloud.portal.rig import Time


def is_refused(counted: Guesses, address: str) -> bool:
    """Guess once more."""
    try:
        counted.was_wrong(address)
    except Busy as error:
        return bool(error.next_step)
    return False


def test_too_many_is_too_many_for_a_minute() -> None:
    """And it is forgiven then."""
    time = Time()
    counted = Guesses(time)
    assert [is_refused(counted, "192.0.2.1") for _ in range(MAX_GUESSES + 2)] == [False] * MAX_GUESSES + [True] * 2
    assert not is_refused(counted, "192.0.2.2")
    time.passes(minutes=1)
    assert not is_refused(counted, "192.0.2.1")


def test_one_ipv6_customer_is_one_source() -> None:
    """A /64 has more addresses than anyone could count."""
    counted = Guesses(Time())
    for number in range(MAX_GUESSES):
        counted.was_wrong(f"2001:db8::{number:x}")
    assert is_refused(counted, "2001:db8::ffff")
    assert not is_refused(counted, "2001:db8:0:1::1")


def test_sources_are_forgotten_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory is bounded; the one unheard of for longest goes."""
    monkeypatch.setattr(guesses, "MAX_SOURCES", 2)
    counted = Guesses(Time())
    for _ in range(MAX_GUESSES):
        counted.was_wrong("192.0.2.1")
    counted.was_wrong("192.0.2.2")
    counted.was_wrong("not an address")
    assert not is_refused(counted, "192.0.2.1")
