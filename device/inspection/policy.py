"""What is in force when a message is decided: the cloud's half and the device's half in one frozen value."""

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

DEFAULT_THRESHOLD: Final = 7
"""Recalled of the vendor's levels: 7 to 10 is high."""


class Action(StrEnum):
    """What happens to malicious mail; the vendor's names, as its UI API spells them."""

    QUARANTINE = "quarantine"
    TAG_AND_DELIVER = "tag-and-deliver"
    PERMIT = "permit"


class Fallback(StrEnum):
    """What happens to mail whose verdict is unknown."""

    PERMIT = "permit"
    BLOCK = "block"


class Condition(StrEnum):
    """Why a verdict is unknown: Junos' fallback conditions (YANG, services advanced-anti-malware policy)."""

    SERVICE_NOT_READY = "service-not-ready"
    SUBMISSION_TIMEOUT = "submission-timeout"
    VERDICT_TIMEOUT = "verdict-timeout"
    OUT_OF_RESOURCES = "out-of-resources"
    INVALID_CONTENT_SIZE = "invalid-content-size"
    UNKNOWN_FILE = "unknown-file"


@dataclass(frozen=True, slots=True)
class FallbackOptions:
    """The general action, and where a condition has one of its own."""

    action: Fallback = Fallback.PERMIT
    by_condition: MappingProxyType[Condition, Fallback] = field(default_factory=lambda: MappingProxyType({}))

    def for_condition(self, condition: Condition) -> Fallback:
        """The action for this condition."""
        return self.by_condition.get(condition, self.action)


@dataclass(frozen=True, slots=True)
class WarningHeaders:
    """What tag-and-deliver adds."""

    x_distribution: str = "Spam"
    x_spam_flag: bool = True
    subject_prefix: str = "[Possible spam] "


@dataclass(frozen=True, slots=True)
class CloudPolicy:
    """The cloud's half, pushed by WatchPolicy and kept across restarts. Revision 0: never received."""

    revision: int = 0
    action: Action = Action.QUARANTINE
    warning_headers: WarningHeaders = WarningHeaders()
    recommended_threshold: int = DEFAULT_THRESHOLD
    max_file_size: int = 32 * 1024 * 1024
    allow: frozenset[str] = frozenset()
    block: frozenset[str] = frozenset()
    release_keys: MappingProxyType[str, Ed25519PublicKey] = field(default_factory=lambda: MappingProxyType({}))
    protected_domains: frozenset[str] = frozenset()
    allow_by_header_recipients: bool = True
    inspect_html_bodies: bool = False


@dataclass(frozen=True, slots=True)
class DevicePolicy:
    """The device's half: what Junos configures; until then, flags of `srx run`.

    `threshold` is None for `recommended`. Times in seconds, from the final dot.
    """

    threshold: int | None = None
    fallback: FallbackOptions = FallbackOptions()
    verdict_seconds: float = 60.0
    submission_seconds: float = 30.0
    hold_first_seen: bool = True


@dataclass(frozen=True, slots=True)
class InspectionPolicy:
    """Both halves, as one message sees them from end of data on."""

    cloud: CloudPolicy = CloudPolicy()
    device: DevicePolicy = DevicePolicy()

    @property
    def threshold(self) -> int:
        """The score from which a message is malicious: score >= threshold "meets" it."""
        return self.cloud.recommended_threshold if self.device.threshold is None else self.device.threshold
