"""The service's settings: one typed object, read once and checked at the edge.

Each has one name everywhere: `--device-listen` on the command line, SRX_CLOUD_DEVICE_LISTEN in the environment, and
`device-listen` in the settings file (TOML; --config, or settings.toml inside the state folder). The first of these that
names it wins. The master key itself is read from the environment alone (SRX_CLOUD_MASTER_KEY), where no key file is wanted:
arguments show in ps, and settings files are shown around.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, Self

from cloud.address import Address
from cloud.errors import InvalidRequest
from cloud.portal.base_url import BaseUrl
from cloud.quarantine.master_key import ENVIRONMENT_VARIABLE, decode_key

ENVIRONMENT_PREFIX: Final = "SRX_CLOUD_"
FILE_NAME: Final = "settings.toml"

_HOST_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")

_ENROLMENT: Final = Address("127.0.0.1", 8743)
_DEVICES: Final = Address("127.0.0.1", 8744)
_PORTAL: Final = Address("127.0.0.1", 8780)


class WrongSetting(InvalidRequest):
    """A setting that can't be that value; the sentence names it and where it stood."""


class LogLevel(StrEnum):
    """What is logged: this level and everything graver."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """One JSON object a line for machines, or lines for people."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the service takes from outside.

    `advertised_host` is the name under which devices reach both gRPC ports; by default the host that they listen on.
    `portal_url` is the base of every link in mail; by default the portal's own address, on loopback alone.
    `workers` is the number of analysis processes; 0 means one a processor.
    """

    state: Path
    key_file: Path
    enrolment_listen: Address = _ENROLMENT
    device_listen: Address = _DEVICES
    portal_listen: Address = _PORTAL
    advertised_host: str = ""
    portal_url: str = ""
    workers: int = 0
    log_level: LogLevel = LogLevel.INFO
    log_format: LogFormat = LogFormat.TEXT
    master_key: str = field(default="", repr=False)

    @classmethod
    def read(cls, flags: Mapping[str, str | None], environment: Mapping[str, str], config: Path | None = None) -> Self:
        """Take each setting from where it is named first, and check all. Raises WrongSetting."""
        given = {name: value for name, value in flags.items() if value is not None}
        state = state_of(given.get("state"), environment, config)
        in_file = read_file(config) if config is not None else _file_in_state(state)
        texts = in_file | _from_environment(environment) | given
        values = {name: _convert(name, text) for name, text in texts.items() if name != "state"}
        values.setdefault("key_file", state.with_name(f"{state.name}.key"))
        settings = cls(state=state, master_key=environment.get(ENVIRONMENT_VARIABLE, ""), **values)
        _check(settings)
        return settings

    @property
    def host(self) -> str:
        """The host under which devices reach both ports."""
        return self.advertised_host or self.device_listen.host


def state_of(flag: str | None, environment: Mapping[str, str], config: Path | None = None) -> Path:
    """The state folder that flag, environment or settings file name; else the user's own. Raises WrongSetting."""
    in_file = read_file(config).get("state") if config is not None else None
    text = flag or environment.get(f"{ENVIRONMENT_PREFIX}STATE") or in_file or _users_state(environment)
    state: Path = _convert("state", text)
    return state


def _users_state(environment: Mapping[str, str]) -> str:
    """XDG base directory specification, XDG_STATE_HOME."""
    base = environment.get("XDG_STATE_HOME") or f"{environment.get('HOME', '.')}/.local/state"
    return f"{base}/srx-cloud"


def read_file(path: Path) -> dict[str, str]:
    """The settings that a TOML file names, in Python's spelling. Raises WrongSetting."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSetting(f"the settings file {path} can't be read", next_step="--config names it.") from error
    except tomllib.TOMLDecodeError as error:
        raise WrongSetting(
            f"{path} is no TOML: {error}", next_step='Lines read: device-listen = "HOST:PORT"'
        ) from error
    names = {name.replace("-", "_"): str(value) for name, value in values.items()}
    unknown = sorted(names.keys() - _NAMES)
    if unknown:
        raise WrongSetting(f"{path} names {unknown[0]}, which is no setting", next_step=f"There are: {_all_names()}.")
    return names


_NAMES: Final = frozenset(each.name for each in fields(Settings)) - {"master_key"}


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    named = {name: environment.get(f"{ENVIRONMENT_PREFIX}{name.upper()}") for name in _NAMES}
    return {name: text for name, text in named.items() if text}


def _file_in_state(state: Path) -> dict[str, str]:
    path = state / FILE_NAME
    try:
        there = path.is_file()
    except PermissionError:
        return {}
    return {name: text for name, text in read_file(path).items() if name != "state"} if there else {}


def _convert(name: str, text: str) -> Any:
    try:
        return _CONVERTERS[name](text)
    except ValueError as error:
        raise _wrong(name, _WANTED[name]) from error


def _wrong(name: str, wanted: str) -> WrongSetting:
    return WrongSetting(
        f"{name.replace('_', '-')} can't be that value",
        next_step=f"--{name.replace('_', '-')} (or {ENVIRONMENT_PREFIX}{name.upper()}) is {wanted}.",
    )


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError(text)
    return Path(text).expanduser().absolute()


def _host(text: str) -> str:
    """A host name or an IP address; IPv6 without brackets."""
    host = text.lower()
    if ":" in host:
        return str(ip_address(host))
    if _HOST_NAME.fullmatch(host) is None:
        raise ValueError(text)
    return host


def _count(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 256:
        raise ValueError(text)
    return number


_CONVERTERS: Final[Mapping[str, Any]] = {
    "state": _path,
    "key_file": _path,
    "enrolment_listen": Address.parse,
    "device_listen": Address.parse,
    "portal_listen": Address.parse,
    "advertised_host": _host,
    "portal_url": str,
    "workers": _count,
    "log_level": LogLevel,
    "log_format": LogFormat,
}
_ADDRESS: Final = "HOST:PORT, such as 127.0.0.1:8743 or [::1]:8743"
_WANTED: Final[Mapping[str, str]] = {
    "state": "the path of a folder",
    "key_file": "the path of a file outside of the state folder",
    "enrolment_listen": _ADDRESS,
    "device_listen": _ADDRESS,
    "portal_listen": _ADDRESS,
    "advertised_host": "a host name or an IP address, without a port",
    "portal_url": "https://HOST[/PATH], or http:// on loopback",
    "workers": "a number from 0 to 256",
    "log_level": "one of " + ", ".join(LogLevel),
    "log_format": "one of " + ", ".join(LogFormat),
}


def _check(settings: Settings) -> None:
    """What no setting can know alone."""
    if settings.key_file.is_relative_to(settings.state):
        raise _wrong("key_file", _WANTED["key_file"])
    hosts = {settings.enrolment_listen.host, settings.device_listen.host}
    if not settings.advertised_host and (len(hosts) > 1 or settings.device_listen.everywhere):
        raise WrongSetting(
            "it can't be told under which one host devices reach this cloud",
            next_step="--advertised-host names it.",
        )
    if not settings.portal_url and not settings.portal_listen.on_loopback:
        raise WrongSetting(
            "links in mail need an address that is not plain HTTP",
            next_step="--portal-url is https://HOST: the reverse proxy in front of the portal.",
        )
    if settings.portal_url:
        BaseUrl.parse(settings.portal_url)
    if settings.master_key:
        decode_key(settings.master_key, ENVIRONMENT_VARIABLE)


def _all_names() -> str:
    return ", ".join(sorted(name.replace("_", "-") for name in _NAMES))
