"""Checks of shape name the field, take what is good, and refuse what is not."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from cloud.rpc import validation
from cloud.rpc.validation import InvalidField


@pytest.mark.parametrize(
    "check",
    [
        lambda: validation.text("field", "", longest=3, shortest=1),
        lambda: validation.text("field", "four", longest=3),
        lambda: validation.text("field", "a\nb", longest=9),
        lambda: validation.text("field", "a\x1b[2J", longest=9),
        lambda: validation.identifier("field", "a b"),
        lambda: validation.identifier("field", "../etc"),
        lambda: validation.identifier("field", "x" * 65),
        lambda: validation.digest("field", b"x" * 31),
        lambda: validation.data("field", b"", longest=3),
        lambda: validation.data("field", b"four", longest=3),
        lambda: validation.items("field", [1, 2, 3], most=2),
        lambda: validation.number("field", 11, least=1, most=10),
        lambda: validation.instant("field", Timestamp(seconds=2**60)),
    ],
)
def test_what_is_out_of_shape_is_refused_by_the_fields_name(check: Callable[[], object]) -> None:
    with pytest.raises(InvalidField, match=r"^field: ") as raised:
        check()
    assert raised.value.field == "field"


def test_what_is_in_shape_comes_back_as_it_is() -> None:
    assert validation.text("field", "Zoë 😀", longest=6) == "Zoë 😀"
    assert validation.identifier("field", "dev_a-B9") == "dev_a-B9"
    assert validation.digest("field", b"x" * 32) == b"x" * 32
    assert validation.data("field", b"x", longest=1) == b"x"
    assert validation.items("field", ["a"], most=1) == ("a",)
    assert validation.number("field", 10, least=1, most=10) == 10
    assert validation.instant("field", Timestamp(seconds=1)) == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
