"""Names of realms."""

import pytest

from cloud.errors import InvalidRequest
from cloud.policy.realm import checked_name


@pytest.mark.parametrize("name", ["a", "acme", "Acme-1", "a.b_c", "x" * 63])
def test_ordinary_names_are_taken(name: str) -> None:
    """Letters, digits, dots, hyphens and underscores."""
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "a b", "x" * 64, "é", "a\n", "../x"])
def test_other_names_are_refused(name: str) -> None:
    """They would end up in certificates, paths and logs."""
    with pytest.raises(InvalidRequest):
        checked_name(name)
