"""Settings from JSON: what fits none is refused by name, whatever its type."""

import json
from typing import Any

import pytest

from cloud.errors import InvalidRequest
from cloud.policy.realm_settings import RealmSettings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("action", []),
        ("action", {}),
        ("release_option", ["recipient"]),
        ("administrators", 5),
        ("administrators", None),
        ("recommended_threshold", None),
        ("recommended_threshold", [7]),
        ("retention_days", json.loads("Infinity")),
        ("retention_days", json.loads("NaN")),
        ("x_spam_flag", {}),
        ("nothing_like_this", 1),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(InvalidRequest, match=name):
        RealmSettings().changed({name: value})


def test_what_was_written_is_read() -> None:
    changed = RealmSettings().changed({"action": "permit", "administrators": ["a@example.com"], "retention_days": "7"})
    assert RealmSettings.from_json(json.loads(json.dumps(changed.to_json()))) == changed
