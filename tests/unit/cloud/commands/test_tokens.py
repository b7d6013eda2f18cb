"""Lengths of time as people write them."""

import pytest

from cloud.commands.tokens import seconds_of
from cloud.errors import InvalidRequest


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h", 3600), ("7d", 604_800)])
def test_a_number_and_a_unit(text: str, seconds: int) -> None:
    """s, m, h, d."""
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "0h", "-1h", "1.5h", "1w", "1h30m", "9999999s"])
def test_anything_else_is_refused(text: str) -> None:
    """With an example."""
    with pytest.raises(InvalidRequest, match="length of time"):
        seconds_of(text)
