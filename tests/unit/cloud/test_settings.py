"""The service's settings: where each comes from, and that every one is checked."""

from pathlib import Path

import pytest

from cloud.address import Address
from cloud.errors import CloudError
from cloud.settings import LogLevel, Settings, WrongSetting, state_of

HOME = {"HOME": "/home/alice"}


def test_without_anything_there_are_defaults() -> None:
    """Loopback, fixed ports, the user's own state folder, the key beside it and not in it."""
    settings = Settings.read({}, HOME)
    assert settings.state == Path("/home/alice/.local/state/srx-cloud")
    assert settings.key_file == Path("/home/alice/.local/state/srx-cloud.key")
    assert settings.device_listen == Address("127.0.0.1", 8744)
    assert settings.host == "127.0.0.1"


def test_the_state_folder_follows_the_base_directories() -> None:
    """XDG_STATE_HOME goes before HOME."""
    assert state_of(None, {**HOME, "XDG_STATE_HOME": "/var/x"}) == Path("/var/x/srx-cloud")


def test_a_flag_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    """One name in three places, and a clear order."""
    config = tmp_path / "settings.toml"
    config.write_text(
        'device-listen = "127.0.0.1:1"\nportal-listen = "127.0.0.1:1"\nlog_level = "debug"\nworkers = 3\n'
    )
    environment = {**HOME, "SRX_CLOUD_DEVICE_LISTEN": "127.0.0.1:2", "SRX_CLOUD_ENROLMENT_LISTEN": "127.0.0.1:2"}
    settings = Settings.read({"enrolment_listen": "127.0.0.1:3", "workers": None}, environment, config)
    ports = (settings.enrolment_listen.port, settings.device_listen.port, settings.portal_listen.port)
    assert ports == (3, 2, 1)
    assert settings.log_level is LogLevel.DEBUG
    assert settings.workers == 3


def test_a_settings_file_inside_the_state_is_read_by_itself(tmp_path: Path) -> None:
    """So that commands without a service know what the service will be started with."""
    (tmp_path / "settings.toml").write_text('advertised-host = "cloud.example.com"\n')
    assert Settings.read({"state": str(tmp_path)}, HOME).host == "cloud.example.com"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("[::1]:25", Address("::1", 25)),
        ("localhost:8744", Address("localhost", 8744)),
    ],
)
def test_addresses_are_read_and_written_alike(text: str, address: Address) -> None:
    """HOST:PORT, IPv6 in brackets."""
    assert Address.parse(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"device_listen": "127.0.0.1"}, "device-listen"),
        ({"device_listen": "127.0.0.1:x"}, "device-listen"),
        ({"device_listen": "127.0.0.1:70000"}, "device-listen"),
        ({"device_listen": ":25"}, "device-listen"),
        ({"device_listen": "127.0.0.1:25/x"}, "device-listen"),
        ({"device_listen": "a@b:25"}, "device-listen"),
        ({"enrolment_listen": "::1:25"}, "enrolment-listen"),
        ({"advertised_host": "a b"}, "advertised-host"),
        ({"advertised_host": "host:25"}, "advertised-host"),
        ({"workers": "many"}, "workers"),
        ({"workers": "-1"}, "workers"),
        ({"log_level": "loud"}, "log-level"),
        ({"state": "/srv/cloud", "key_file": "/srv/cloud/key"}, "key-file"),
        ({"device_listen": "0.0.0.0:8744", "enrolment_listen": "0.0.0.0:8743"}, "--advertised-host"),
        ({"device_listen": "192.0.2.1:8744"}, "--advertised-host"),
        ({"portal_listen": "0.0.0.0:8780"}, "--portal-url"),
        ({"portal_url": "http://mail.example.com"}, "plain HTTP"),
        ({"portal_url": "https://user@mail.example.com"}, "http or https"),
        ({"portal_url": "ftp://mail.example.com"}, "http or https"),
    ],
)
def test_what_can_not_be_is_refused_by_name(flags: dict[str, str], named: str) -> None:
    """Once, at the edge, with what it should be."""
    with pytest.raises(CloudError) as refused:
        Settings.read(flags, HOME)
    assert named in refused.value.sentence + refused.value.next_step
    assert refused.value.next_step


@pytest.mark.parametrize("text", ["state = [", 'no-such-setting = "x"', "device-listen = 25"])
def test_a_bad_settings_file_is_refused(tmp_path: Path, text: str) -> None:
    """What is misspelled must not go unnoticed."""
    config = tmp_path / "settings.toml"
    config.write_text(text)
    with pytest.raises(WrongSetting):
        Settings.read({}, HOME, config)


def test_a_missing_settings_file_is_refused_where_it_was_named(tmp_path: Path) -> None:
    """--config names a file that is there."""
    with pytest.raises(WrongSetting):
        Settings.read({}, HOME, tmp_path / "none.toml")


def test_the_master_key_is_taken_from_the_environment_alone_and_never_shown() -> None:
    """Not from a flag (ps), not from a file, not in the object's text."""
    key = "A" * 43 + "="
    settings = Settings.read({}, {**HOME, "SRX_CLOUD_MASTER_KEY": key})
    assert settings.master_key == key
    assert key not in repr(settings)
    with pytest.raises(CloudError) as refused:
        Settings.read({}, {**HOME, "SRX_CLOUD_MASTER_KEY": "short"})
    assert "short" not in refused.value.sentence + refused.value.next_step


def test_behind_a_reverse_proxy_the_portal_may_listen_anywhere() -> None:
    """Links in mail name the proxy."""
    flags = {"portal_listen": "0.0.0.0:8780", "portal_url": "https://mail.example.com/quarantine"}
    assert Settings.read(flags, HOME).portal_url == "https://mail.example.com/quarantine"
