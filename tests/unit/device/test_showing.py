"""What a person reads of the device."""

from device import showing

TOLD = {
    **showing.without_device(None),
    "interception": "explicit",
    "listen": "127.0.0.1:2525",
    "mail_server": "127.0.0.1:25",
    "other_ways": {"transparent": "it needs root, or the capability CAP_NET_ADMIN", "redirect": "possible"},
    "starttls": "not offered",
    "policy_revision": 0,
}


def test_the_status_names_the_way_and_why_not_another() -> None:
    lines = showing.status(TOLD).splitlines()
    at = lines.index("  Mode: explicit")
    assert lines[at + 1 : at + 3] == [
        "    transparent: it needs root, or the capability CAP_NET_ADMIN",
        "    redirect: possible",
    ]
    assert not any("When stopped" in line for line in lines)


def test_the_status_of_a_transparent_device_says_what_follows_it() -> None:
    """Fail-open and fail-closed in plain words."""
    shown = {each: showing.status(TOLD | {"when_stopped": each}) for each in ("pass", "block")}
    assert "When stopped: mail passes uninspected" in shown["pass"]
    assert "When stopped: mail does not pass" in shown["block"]
