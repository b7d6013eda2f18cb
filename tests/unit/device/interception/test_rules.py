"""The text for nft and ip: everything of it carries the device's name or number, and nothing else is mentioned."""

import re
from pathlib import PurePath

import pytest

from device.interception import rules
from device.interception.rules import Ours, Rules, WhenStopped
from device.smtp.intake import Endpoint

OURS = Ours.of(PurePath("/var/lib/srx"))
LISTENERS = (Endpoint("127.0.0.1", 4001), Endpoint("::1", 4002))
RULES = Rules(OURS, (25, 587), LISTENERS)
BLOCKING = Rules(OURS, (25, 587), LISTENERS, WhenStopped.BLOCK)


def test_a_device_is_known_by_its_state_folder() -> None:
    """The same after a crash; another one beside it has other names, numbers and table."""
    other = Ours.of(PurePath("/var/lib/other"))
    assert Ours.of(PurePath("/var/lib/srx")) == OURS
    assert (other.name, other.number) != (OURS.name, OURS.number)
    assert re.fullmatch(r"srx_[0-9a-f]{8}", OURS.name)
    assert 255 < OURS.number < 2**31, "tables below 256 have names of Linux' own"


INSTALLED = [each.standing().install(OURS) for each in (RULES, BLOCKING)]


@pytest.mark.parametrize("text", [*INSTALLED, rules.remove(OURS), rules.leave_block(OURS)])
def test_no_table_but_ours_is_named(text: str) -> None:
    named = re.findall(r"(?:table|chain) inet (\S+)", text)
    assert set(named) == {OURS.name}
    assert "flush ruleset" not in text


def test_installing_replaces_what_was_there() -> None:
    """In one transaction: made if missing, deleted, made."""
    assert RULES.standing().install(OURS).startswith(rules.remove(OURS))


def test_each_family_goes_to_its_own_listener() -> None:
    taken = [line.strip() for line in RULES.standing().install(OURS).splitlines() if "tproxy" in line]
    assert [re.findall(r"nfproto (\w+) .*tproxy (\w+) to (\S+) ", line) for line in taken] == [
        [("ipv4", "ip", "127.0.0.1:4001")],
        [("ipv6", "ip6", "[::1]:4002")],
    ]
    assert all("fib daddr type != local" in line and "== syn" in line for line in taken)


def test_only_a_device_that_fails_closed_refuses_in_forward() -> None:
    assert "reject" not in RULES.standing().install(OURS)
    assert "hook forward" not in RULES.standing().install(OURS)
    assert "tcp dport { 25, 587 } reject with tcp reset" in BLOCKING.standing().install(OURS)


def test_what_is_routed_in_is_routed_out() -> None:
    """By mark, table and preference: another device's rule can't be meant."""
    [added, _] = rules.route_in(OURS).splitlines()
    deleted, *_ = rules.route_out(OURS).splitlines()
    assert added.replace("rule add", "rule del") == deleted
    assert f"fwmark {OURS.number:#x} lookup {OURS.number}" in added
