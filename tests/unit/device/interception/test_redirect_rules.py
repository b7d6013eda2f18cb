"""The text of redirection."""

from device.interception import redirect_rules
from device.interception.redirect_rules import NEWCOMERS
from device.interception.rules import WhenStopped


def test_each_family_goes_to_its_own_listener() -> None:
    """What is addressed to the machine itself is left alone."""
    taken = [
        line for line in redirect_rules.while_running((25,), {4: 4001, 6: 4002}).splitlines() if "redirect" in line
    ]
    assert [line.split()[2] + line.rpartition(":")[2] for line in taken] == ["ipv44001", "ipv64002"]
    assert all("fib daddr type != local" in line for line in taken)


def test_translation_goes_on_when_the_newcomers_are_gone() -> None:
    """A rule that asks for connection tracking is outside of the chain that is emptied."""
    text = redirect_rules.while_running((25,), {4: 4001})
    assert f"ct state new jump {NEWCOMERS}" in text.partition("chain take")[2]


def test_only_a_device_that_fails_closed_leaves_anything() -> None:
    assert redirect_rules.standing((25,), WhenStopped.PASS).chains == {}
    assert "tcp dport { 25 } reject" in redirect_rules.standing((25,), WhenStopped.BLOCK).chains["inet"]
