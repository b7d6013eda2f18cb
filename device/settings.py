"""The device's settings: one typed object, read once and checked at the edge.

Each has one name everywhere: `--verdict-threshold` on the command line, SRX_VERDICT_THRESHOLD in the environment. The command
line goes before the environment. What Junos configures on an appliance (threshold, fallback options) is here too, until the
device reads Junos.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

from device.errors import WrongSetting
from device.inspection.policy import Condition, DevicePolicy, Fallback, FallbackOptions
from device.inspection.verdicts import FAILURE_SECONDS, LIFETIME_SECONDS
from device.interception.rules import WhenStopped
from device.smtp.encrypting import IMPLICIT_TLS_PORT, Starttls
from device.smtp.intake import Endpoint
from device.smtp.introduction import ClientAddress
from device.smtp.streaming import Delivery
from device.tls.encryption import TlsSettings
from device.tls.verification import VerifyServer

ENVIRONMENT_PREFIX: Final = "SRX_"
_MIB: Final = 1024 * 1024
_LISTEN: Final = Endpoint("127.0.0.1", 2525)
_PORTS: Final = (25, 587)
_PORTS_AT_MOST: Final = 16
_WORKERS_AT_MOST: Final = 64


LONGEST_SECONDS: Final = 540.0
"""A client waits ten minutes for the reply to its final dot (RFC 5321, section 4.5.3.2.6): every wait ends before that."""


class LogFormat(StrEnum):
    """One JSON object a line for machines, or lines for people."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """What is logged: events of that level and graver ones."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Intercept(StrEnum):
    """How mail comes to the device: clients connect to it, or it takes what passes on the way to any server.

    It passes through a router (TPROXY, or redirection where the kernel has no TPROXY) or through a bridge.
    """

    EXPLICIT = "explicit"
    TRANSPARENT = "transparent"
    BRIDGE = "bridge"
    REDIRECT = "redirect"


class FirstSeen(StrEnum):
    """What happens to content that nobody has a verdict on: held for it, or passed and flagged afterwards."""

    HOLD = "hold"
    PASS = "pass"  # noqa: S105 - the vendor's documented behaviour, no secret


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that `srx run` takes from outside. Times in seconds, sizes in bytes."""

    state: Path
    intercept: Intercept = Intercept.EXPLICIT
    bridge: str | None = None
    ports: tuple[int, ...] = _PORTS
    when_stopped: WhenStopped = WhenStopped.PASS
    listen: Endpoint = _LISTEN
    server: Endpoint | None = None
    client_address: ClientAddress = ClientAddress.HIDDEN
    accept_open_relay: bool = False
    starttls: Starttls | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_inspection_ca: Path | None = None
    tls_verify_server: VerifyServer = VerifyServer.REQUIRE
    tls_server_name: str | None = None
    tls_listen: Endpoint | None = None
    tls_server: Endpoint | None = None
    verdict_threshold: int | None = None
    fallback_action: Fallback = Fallback.PERMIT
    fallback: tuple[tuple[Condition, Fallback], ...] = ()
    verdict_timeout: float = 60.0
    submission_timeout: float = 30.0
    verdict_lifetime: float = LIFETIME_SECONDS
    failure_lifetime: float = FAILURE_SECONDS
    first_seen: FirstSeen = FirstSeen.HOLD
    delivery: Delivery = Delivery.HOLD
    max_message_size: int = 32 * _MIB
    max_sessions: int = 1000
    max_client_sessions: int | None = None
    max_held_bytes: int = 1024 * _MIB
    spill_above: int = 16 * _MIB
    max_spilled_bytes: int = 4096 * _MIB
    spill_folder: Path | None = None
    stop_grace: float = 10.0
    workers: int = 1
    log_format: LogFormat = LogFormat.TEXT
    log_level: LogLevel = LogLevel.INFO

    @classmethod
    def read(cls, flags: Mapping[str, Any], environment: Mapping[str, str]) -> Self:
        """Take each setting from flag or environment, and check all. Raises WrongSetting."""
        texts = _from_environment(environment) | {name: value for name, value in flags.items() if value is not None}
        values = {name: _convert(name, text) for name, text in texts.items()}
        values.setdefault("state", _users_state(environment))
        made = cls(**values)
        _fit_together(made)
        return made

    def share(self, index: int) -> Self:
        """What the worker of that number (from 0) runs with: limits are the device's, and each has its part of them."""
        return replace(
            self,
            max_sessions=_part(self.max_sessions, self.workers, index),
            max_client_sessions=_part(self.max_client_sessions or self.max_sessions, self.workers, index),
            max_held_bytes=_part(self.max_held_bytes, self.workers, index),
            max_spilled_bytes=_part(self.max_spilled_bytes, self.workers, index),
        )

    @property
    def tls(self) -> TlsSettings:
        """What is done about TLS."""
        return TlsSettings(
            policy=self.starttls,
            certificate=self.tls_certificate,
            key=self.tls_key,
            inspection_ca=self.tls_inspection_ca,
            verify_server=self.tls_verify_server,
            server_name=self.tls_server_name,
            implicit=self.tls_listen is not None or IMPLICIT_TLS_PORT in self.ports,
        )

    @property
    def policy(self) -> DevicePolicy:
        """The device's half of the inspection policy."""
        return DevicePolicy(
            threshold=self.verdict_threshold,
            fallback=FallbackOptions(self.fallback_action, MappingProxyType(dict(self.fallback))),
            verdict_seconds=self.verdict_timeout,
            submission_seconds=self.submission_timeout,
            hold_first_seen=self.first_seen is FirstSeen.HOLD,
        )


def state_folder(flag: Path | None, environment: Mapping[str, str]) -> Path:
    """Where the device keeps identity and policy: flag, SRX_STATE, or the user's state folder."""
    text = flag or environment.get(f"{ENVIRONMENT_PREFIX}STATE")
    return Path(text) if text else _users_state(environment)


def _part(whole: int, parts: int, index: int) -> int:
    """Parts differ by one at most, and make up the whole."""
    return whole // parts + (index < whole % parts)


def _users_state(environment: Mapping[str, str]) -> Path:
    """XDG base directory specification, XDG_STATE_HOME."""
    base = environment.get("XDG_STATE_HOME") or f"{environment.get('HOME', '.')}/.local/state"
    return Path(base) / "srx"


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    named = {each.name: environment.get(f"{ENVIRONMENT_PREFIX}{each.name.upper()}") for each in fields(Settings)}
    return {name: text for name, text in named.items() if text}


def _convert(name: str, value: Any) -> Any:
    converter, wanted = _CONVERTERS[name]
    try:
        return converter(value)
    except (ValueError, KeyError) as error:
        flag = name.replace("_", "-")
        raise WrongSetting(f"{flag} can't be {value!s}", next_step=f"{flag} is {wanted}.") from error


def _fit_together(settings: Settings) -> None:
    """What belongs to another way of interception would have no effect: that is said, not swallowed."""
    here = settings.intercept
    passing = here is not Intercept.EXPLICIT
    introduced = here in (Intercept.EXPLICIT, Intercept.REDIRECT)
    astray = {
        "ports": settings.ports != _PORTS and not passing,
        "when-stopped": settings.when_stopped is not WhenStopped.PASS and not passing,
        "bridge": settings.bridge is not None and here is not Intercept.BRIDGE,
        "server": settings.server is not None and passing,
        "listen": settings.listen != _LISTEN and passing,
        "client-address": settings.client_address is not ClientAddress.HIDDEN and not introduced,
        "accept-open-relay": settings.accept_open_relay and not introduced,
        "tls-listen": settings.tls_listen is not None and passing,
        "tls-server": settings.tls_server is not None and passing,
    }
    for name in (each for each, given in astray.items() if given):
        raise WrongSetting(f"{name} has no meaning with --intercept {here}", next_step="Leave one of them out.")
    _fit_tls_together(settings)
    if settings.workers > settings.max_sessions:
        raise WrongSetting(
            f"{settings.workers} workers can't share {settings.max_sessions} sessions",
            next_step="max-sessions is the whole device's: at least one for each worker.",
        )


def _fit_tls_together(settings: Settings) -> None:
    """What there is for clients that begin with TLS."""
    door = settings.tls_listen
    if door is None and settings.tls_server is not None:
        raise WrongSetting(
            "tls-server has no meaning without tls-listen", next_step="Say where clients connect: --tls-listen."
        )
    if door is not None and door.port == settings.listen.port != 0:
        raise WrongSetting(
            f"listen and tls-listen can't both be port {door.port}",
            next_step="Clients that begin with TLS need a port of their own; 465 is the usual one.",
        )
    begins_in_tls = settings.tls.implicit and settings.starttls is Starttls.PASS
    if begins_in_tls and settings.client_address is ClientAddress.XCLIENT:
        raise WrongSetting(
            "client-address can't be xclient where TLS passes from the first byte: there is no place for a command",
            next_step=f"Use --client-address proxy, or leave out --tls-listen, or {IMPLICIT_TLS_PORT} in --ports.",
        )


def _threshold(value: Any) -> int | None:
    return None if value == "recommended" else _between(int(value), 1, 10)


def _between(number: int, low: int, high: int) -> int:
    if not low <= number <= high:
        raise ValueError(number)
    return number


def _ports(value: str) -> tuple[int, ...]:
    """Numbers separated by commas, each once."""
    ports = tuple(dict.fromkeys(_between(int(text), 1, 65_535) for text in value.split(",")))
    if len(ports) > _PORTS_AT_MOST:
        raise ValueError(value)
    return ports


def _positive(value: Any) -> float:
    number = float(value)
    if not 0 < number <= LONGEST_SECONDS:
        raise ValueError(value)
    return number


def _options(value: Any) -> tuple[tuple[Condition, Fallback], ...]:
    """CONDITION=ACTION pairs: a list from the command line, separated by commas in the environment."""
    pairs = value.split(",") if isinstance(value, str) else value
    split = [pair.partition("=") for pair in pairs]
    return tuple((Condition(condition.strip()), Fallback(action.strip())) for condition, _, action in split)


def _yes(value: Any) -> bool:
    return value if isinstance(value, bool) else {"1": True, "true": True, "0": False, "false": False}[value.lower()]


_CONVERTERS: Final[dict[str, tuple[Any, str]]] = {
    "state": (Path, "a folder"),
    "intercept": (Intercept, "explicit, transparent, bridge or redirect"),
    "bridge": (str, "the name of a bridge of this machine"),
    "ports": (_ports, f"at most {_PORTS_AT_MOST} port numbers separated by commas"),
    "when_stopped": (WhenStopped, "pass or block"),
    "listen": (Endpoint.parse, "HOST:PORT, IPv6 in brackets"),
    "server": (Endpoint.parse, "HOST:PORT of the real mail server, IPv6 in brackets"),
    "client_address": (ClientAddress, "hidden, proxy, proxy-v2 or xclient"),
    "accept_open_relay": (_yes, "true or false"),
    "starttls": (Starttls, "inspect, pass or strip"),
    "tls_certificate": (Path, "a PEM file"),
    "tls_key": (Path, "a PEM file"),
    "tls_inspection_ca": (Path, "a folder"),
    "tls_verify_server": (VerifyServer, "require, allow or off"),
    "tls_server_name": (str, "a DNS name"),
    "tls_listen": (Endpoint.parse, "HOST:PORT, IPv6 in brackets"),
    "tls_server": (Endpoint.parse, "HOST:PORT of the real mail server's TLS port, IPv6 in brackets"),
    "verdict_threshold": (_threshold, "a number from 1 to 10, or recommended"),
    "fallback_action": (Fallback, "permit or block"),
    "fallback": (_options, f"CONDITION=permit|block, where CONDITION is one of {', '.join(Condition)}"),
    "verdict_timeout": (_positive, f"a number of seconds up to {LONGEST_SECONDS:g}"),
    "submission_timeout": (_positive, f"a number of seconds up to {LONGEST_SECONDS:g}"),
    "verdict_lifetime": (lambda value: _between(int(value), 1, 86_400), "a whole number of seconds from 1 to 86400"),
    "failure_lifetime": (
        lambda value: _between(int(value), 0, 3_600),
        "a whole number of seconds up to 3600; 0: none",
    ),
    "first_seen": (FirstSeen, "hold or pass"),
    "delivery": (Delivery, "hold or stream"),
    "max_message_size": (lambda value: _between(int(value), 1024, 2**31), "a number of bytes from 1024 to 2147483648"),
    "max_held_bytes": (lambda value: _between(int(value), _MIB, 2**40), "a number of bytes from 1048576"),
    "spill_above": (lambda value: _between(int(value), 0, 2**31), "a number of bytes up to 2147483648"),
    "max_spilled_bytes": (lambda value: _between(int(value), 0, 2**50), "a number of bytes; 0: nothing goes to disk"),
    "spill_folder": (Path, "a folder"),
    "max_sessions": (lambda value: _between(int(value), 1, 100_000), "a number from 1 to 100000"),
    "max_client_sessions": (lambda value: _between(int(value), 1, 100_000), "a number from 1 to 100000"),
    "stop_grace": (_positive, f"a number of seconds up to {LONGEST_SECONDS:g}"),
    "workers": (lambda value: _between(int(value), 1, _WORKERS_AT_MOST), f"a number from 1 to {_WORKERS_AT_MOST}"),
    "log_format": (LogFormat, "text or json"),
    "log_level": (LogLevel, "debug, info, warning or error"),
}
