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
        ("tls_listen", "465"),
        ("tls_server", "mail.example.net"),
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
        ("transparent", "tls_listen", "127.0.0.1:465"),
        ("transparent", "tls_server", "127.0.0.1:465"),
    ],
)
def test_what_would_have_no_effect_is_refused(intercept: str, name: str, value: Any) -> None:
    """Each way of interception has settings of its own."""
    with pytest.raises(WrongSetting, match=f"{name.replace('_', '-')} has no meaning with --intercept {intercept}"):
        Settings.read({"intercept": intercept, name: value}, {})


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"tls_server": "192.0.2.25:465"}, "tls-server"),
        ({"listen": "127.0.0.1:2525", "tls_listen": "127.0.0.1:2525"}, "tls-listen"),
        ({"tls_listen": "127.0.0.1:4650", "starttls": "pass", "client_address": "xclient"}, "xclient"),
        ({"intercept": "redirect", "ports": "465", "starttls": "pass", "client_address": "xclient"}, "xclient"),
    ],
)
def test_a_door_for_tls_that_could_not_work_is_refused(flags: dict[str, Any], named: str) -> None:
    with pytest.raises(WrongSetting, match=named) as wrong:
        Settings.read(flags, {})
    assert wrong.value.next_step


@pytest.mark.parametrize(
    "flags", [{"tls_listen": "127.0.0.1:0"}, {"intercept": "transparent", "ports": "25,465"}, {"ports": "465"}]
)
def test_clients_may_begin_with_tls_by_port_or_by_door(flags: dict[str, Any]) -> None:
    assert Settings.read({"intercept": "transparent" if "ports" in flags else None, **flags}, {}).tls.implicit
    assert not Settings.read({}, {}).tls.implicit


@pytest.mark.parametrize(("sessions", "workers"), [(1000, 3), (7, 7), (8, 1)])
def test_workers_share_the_device_s_limits(sessions: int, workers: int) -> None:
    """The parts make up the whole, and nobody has two more than another."""
    settings = Settings.read({"max_sessions": str(sessions), "workers": str(workers)}, {})
    shares = [settings.share(index) for index in range(workers)]
    assert sum(each.max_sessions for each in shares) == sessions
    assert sum(each.max_held_bytes for each in shares) == settings.max_held_bytes
    assert max(each.max_sessions for each in shares) - min(each.max_sessions for each in shares) <= 1


def test_each_worker_needs_a_session() -> None:
    with pytest.raises(WrongSetting, match="4 workers can't share 3 sessions"):
        Settings.read({"max_sessions": "3", "workers": "4"}, {})
