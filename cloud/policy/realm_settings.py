"""What a realm's administrator can set: one frozen, validated value, kept as JSON in the realm's row.

Names and defaults follow the vendor's SMTP settings page where it is known (docs/fidelity.md says which are ours).
"""

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Final, Self

from cloud.errors import InvalidRequest

MIB: Final = 1024 * 1024


class Action(StrEnum):
    """What happens to malicious mail; the vendor's names."""

    QUARANTINE = "quarantine"
    TAG_AND_DELIVER = "tag-and-deliver"
    PERMIT = "permit"


class ReleaseOption(StrEnum):
    """Who may release: recipients themselves, or the administrator at their request."""

    RECIPIENT = "recipient"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class RealmSettings:
    """Everything that `srx-cloud settings` shows and sets. Sizes in bytes, times in the unit that the name says.

    `notice_address` is the From of notices and replacements, and the envelope sender of replacements; empty: the null path.
    `release_route` is HOST:PORT of the next SMTP hop for released mail and notices: the device, in the way of any mail.
    """

    action: Action = Action.QUARANTINE
    release_option: ReleaseOption = ReleaseOption.RECIPIENT
    notice_address: str = ""
    administrators: tuple[str, ...] = ()
    notify_quarantine: bool = False
    notify_release: bool = True
    replacement_subject: str = "Malware Detected."
    replacement_message: str = "An e-mail to you was quarantined because an attachment was found to be malicious."
    replacement_link_text: str = "View the quarantined e-mail"
    learn_more_url: str = ""
    x_distribution: str = "Spam"
    x_spam_flag: bool = True
    subject_prefix: str = "[Possible spam] "
    recommended_threshold: int = 7
    max_file_size: int = 32 * MIB
    protected_domains: tuple[str, ...] = ()
    allow_by_header_recipients: bool = True
    inspect_html_bodies: bool = False
    share_verdicts: bool = False
    retention_days: int = 30
    pass_lifetime_minutes: int = 60
    devices_on_path: int = 1
    password_on_portal: bool = False
    release_route: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, the field names as keys."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """What to_json() wrote; unknown keys are left out, missing ones have their defaults."""
        return cls().changed({key: value for key, value in values.items() if key in _NAMES})

    def changed(self, values: dict[str, Any]) -> Self:
        """These settings with some replaced by JSON values or text. Raises InvalidRequest that names the setting."""
        return replace(self, **{name: _read(name, value) for name, value in values.items()})


_DEFAULTS: Final = {each.name: each.default for each in fields(RealmSettings)}
_NAMES: Final = frozenset(_DEFAULTS)
_BOUNDS: Final = {
    "recommended_threshold": (1, 10),
    "max_file_size": (1, 1024 * MIB),
    "retention_days": (1, 3650),
    "pass_lifetime_minutes": (1, 7 * 24 * 60),
    "devices_on_path": (1, 16),
}
_YES: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _read(name: str, value: Any) -> Any:
    """One setting from JSON or from a command line's text, by the type of its default."""
    if name not in _NAMES:
        raise InvalidRequest(f"there is no setting {name}", next_step="srx-cloud settings show lists them.")
    default = _DEFAULTS[name]
    try:
        return _convert(name, default, value)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        wanted = _wanted(name, default)
        raise InvalidRequest(f"{name} can't be that value", next_step=f"{name} is {wanted}.") from error


def _convert(name: str, default: Any, value: Any) -> Any:
    match default:
        case bool():
            return value if isinstance(value, bool) else _YES[str(value).lower()]
        case int():
            return _within(name, int(value))
        case tuple():
            entries = value.split(",") if isinstance(value, str) else value
            return tuple(str(entry).strip() for entry in entries if str(entry).strip())
        case Action() | ReleaseOption():
            return type(default)(value)
        case _:
            return _one_line(str(value))


def _within(name: str, number: int) -> int:
    low, high = _BOUNDS[name]
    if not low <= number <= high:
        raise ValueError(name)
    return number


def _one_line(text: str) -> str:
    """Text that may stand in a header field: no control characters."""
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("control character")
    return text


def _wanted(name: str, default: Any) -> str:
    match default:
        case bool():
            return "true or false"
        case int():
            low, high = _BOUNDS[name]
            return f"a number from {low} to {high}"
        case Action() | ReleaseOption():
            return "one of " + ", ".join(type(default))
        case _:
            return "text without control characters"
