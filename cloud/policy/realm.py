"""A realm: the tenant that devices enrol into, with its settings and the revision that devices compare."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from atp.identity import RealmId
from cloud.errors import InvalidRequest
from cloud.policy.realm_settings import RealmSettings

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Realm:
    """One realm as it stands. `policy_revision` rises with every change of settings, lists or release keys."""

    id: RealmId
    name: str
    created_at: datetime
    settings: RealmSettings
    policy_revision: int
    policy_changed_at: datetime


def checked_name(text: str) -> str:
    """A name that a realm may have; names compare without case. Raises InvalidRequest."""
    if _NAME.fullmatch(text) is None:
        raise InvalidRequest(
            "that is no name for a realm",
            next_step="A name has 1 to 63 letters, digits, dots, hyphens or underscores, and starts and ends with "
            "a letter or digit.",
        )
    return text
