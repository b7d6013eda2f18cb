"""The device's settings: one name everywhere, checked once, wrong ones named."""

from pathlib import Path
from typing import Any

import pytest

from device.errors import WrongSetting
from device.inspection.policy import Condition, Fallback
from device.settings import Settings
from device.smtp.intake import Endpoint


def test_flags_go_before_the_environment() -> None:
    """--listen and SRX_LISTEN both name it."""
    environment = {"SRX_LISTEN": "127.0.0.1:1", "SRX_SERVER": "[::1]:25", "HOME": "/home/someone"}
    settings = Settings.read({"listen": "127.0.0.1:2", "server": None}, environment)
    assert settings.listen == Endpoint("127.0.0.1", 2)
    assert settings.server == Endpoint("::1", 25)
    assert settings.state == Path("/home/someone/.local/state/srx")


def test_fallback_options_make_the_policy() -> None:
    """A general action, and conditions of their own, from the command line or the environment."""
    flags = {"fallback_action": "block", "fallback": ["unknown-file=permit"], "verdict_threshold": "recommended"}
    policy = Settings.read(flags, {}).policy
    assert policy.threshold is None
    assert policy.fallback.for_condition(Condition.VERDICT_TIMEOUT) is Fallback.BLOCK
    assert policy.fallback.for_condition(Condition.UNKNOWN_FILE) is Fallback.PERMIT
    assert Settings.read({}, {"SRX_FALLBACK": "unknown-file=permit"}).fallback == (
        (Condition.UNKNOWN_FILE, Fallback.PERMIT),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("listen", "nowhere"),
        ("server", "host:port"),
        ("verdict_threshold", "11"),
        ("verdict_threshold", "high"),
        ("fallback_action", "maybe"),
        ("fallback", ["no-such-condition=block"]),
        ("fallback", ["unknown-file"]),
        ("verdict_timeout", "-1"),
        ("verdict_timeout", "600"),
        ("max_held_bytes", "0"),
        ("first_seen", "ask"),
        ("max_message_size", "1"),
        ("client_address", "guess"),
        ("log_format", "xml"),
        ("intercept", "tap"),
        ("ports", "25,0"),
        ("ports", "25,465"),
        ("when_stopped", "maybe"),
    ],
)
def test_a_wrong_setting_is_named_and_explained(name: str, value: Any) -> None:
    """The sentence names the flag, the next step what it can be."""
    with pytest.raises(WrongSetting) as wrong:
        Settings.read({name: value}, {})
    assert name.replace("_", "-") in wrong.value.sentence
    assert wrong.value.next_step


def test_ports_are_numbers_once_each() -> None:
    assert Settings.read({"intercept": "transparent", "ports": "25, 2525,25"}, {}).ports == (25, 2525)


@pytest.mark.parametrize(
    ("intercept", "name", "value"),
    [
        ("explicit", "ports", "26"),
        ("explicit", "when_stopped", "block"),
        ("transparent", "server", "127.0.0.1:25"),
        ("transparent", "listen", "127.0.0.1:25"),
        ("transparent", "client_address", "proxy"),
        ("transparent", "accept_open_relay", True),
        ("bridge", "client_address", "proxy"),
        ("redirect", "server", "127.0.0.1:25"),
        ("redirect", "bridge", "br0"),
        ("transparent", "bridge", "br0"),
    ],
)
def test_what_would_have_no_effect_is_refused(intercept: str, name: str, value: Any) -> None:
    """Each way of interception has settings of its own."""
    with pytest.raises(WrongSetting, match=f"{name.replace('_', '-')} has no meaning with --intercept {intercept}"):
        Settings.read({"intercept": intercept, name: value}, {})
