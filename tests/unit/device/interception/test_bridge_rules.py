"""The text of a device in a bridge: it names the bridge's two ports and what is ours, and nothing else."""

import re
from pathlib import PurePath

import pytest

from device.interception import bridge_rules, rules
from device.interception.bridge_rules import NEWCOMERS, Bridge, BridgeRules
from device.interception.rules import Ours, Rules, WhenStopped
from device.smtp.intake import Endpoint

OURS = Ours.of(PurePath("/var/lib/srx"))
BRIDGE = Bridge("br0", "02:00:00:00:00:01", ("ge0", "ge1"))
LISTENERS = (Endpoint("127.0.0.1", 4001), Endpoint("::1", 4002))


def made(when_stopped: WhenStopped = WhenStopped.PASS, listeners: tuple[Endpoint, ...] = LISTENERS) -> BridgeRules:
    return BridgeRules.of(BRIDGE, Rules(OURS, (25, 587), listeners, when_stopped))


def chain(text: str, name: str) -> list[str]:
    """A chain's rules."""
    return [line.strip() for line in text.partition(f"chain {name} {{")[2].partition("\n  }\n")[0].splitlines()]


def test_the_ip_stack_takes_only_what_the_bridge_has_marked() -> None:
    taken = [line for line in made().standing().chains["inet"].splitlines() if "tproxy" in line]
    assert len(taken) == 2
    assert all(f'iifname "br0" meta mark {OURS.number:#x} ' in line for line in taken)


def test_only_a_device_that_fails_closed_leaves_a_rule_in_the_bridge() -> None:
    """It drops what goes from one port to the other, and leaves the machine's own mail alone."""
    assert "bridge" not in made().standing().chains
    blocking = made(WhenStopped.BLOCK).standing().chains
    assert f'{{ "ge0", "ge1" }} ether daddr != {BRIDGE.address} tcp dport {{ 25, 587 }} drop' in blocking["bridge"]
    assert "hook forward" not in blocking["inet"]


def test_a_family_without_a_listener_is_bridged() -> None:
    """Taken, it would go nowhere."""
    text = made(listeners=LISTENERS[:1]).while_running()
    assert "ether type ip goto up" in text
    assert "ip6" not in text
    assert made(listeners=LISTENERS[:1]).standing().routes.keys() == {4}


def test_new_connections_are_taken_in_one_chain_that_can_be_emptied() -> None:
    text = made().while_running()
    assert text.count(f"jump {NEWCOMERS}") == 1
    assert chain(text, NEWCOMERS)[-1] == "ether type ip6 goto up"


@pytest.mark.parametrize(("port", "other"), [("ge0", 1), ("ge1", 0)])
def test_a_frame_leaves_only_by_the_port_that_leads_to_its_host(port: str, other: int) -> None:
    assert f'oifname "{port}" ip daddr @behind_{other}_4 drop' in made().while_running()
    assert f'oifname "{port}" ip6 daddr @behind_{other}_6 drop' in made().while_running()


def test_each_device_has_a_gateway_of_its_own() -> None:
    """It is nobody: link-local, its link address locally administered; and it is forgotten by that address."""
    other = BridgeRules.of(BRIDGE, Rules(Ours.of(PurePath("/var/lib/other")), (25,), LISTENERS))
    for version, address in ((4, r"169\.254\.\S+"), (6, r"fe80::\S+")):
        pattern = rf"neigh replace ({address}) lladdr (02:\S+)"
        own, others = (re.findall(pattern, each.standing().routes[version]) for each in (made(), other))
        assert len(own) == len(others) == 1
        assert own != others
        assert f"to {own[0][0]} " in bridge_rules.forget_gateway(OURS, version)


def test_what_is_routed_out_by_the_bridge_is_forgotten_with_the_rest() -> None:
    lines = made().standing().routes[4].splitlines()
    [added] = [line for line in lines if line.startswith("rule add") and f"{OURS.outward:#x}" in line]
    assert added.replace("rule add", "rule del") in rules.route_out(OURS).splitlines()
    assert f"route flush table {OURS.outward}" in rules.route_out(OURS)
