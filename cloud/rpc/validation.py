"""What a request's fields may hold: the one home for checks of shape, so that no servicer grows its own.

Each check returns the value, as the type that the rooms behind the door use, or raises InvalidField that names the field.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from cloud.errors import InvalidRequest

T = TypeVar("T")

SHA256_BYTES: Final = 32

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class InvalidField(InvalidRequest):
    """One field of the request can't be taken; the field's name as the .proto file has it."""

    def __init__(self, field: str, wanted: str) -> None:
        super().__init__(f"{field}: {wanted}", next_step="Correct the field and send the request again.")
        self.field = field


def text(field: str, value: str, *, longest: int, shortest: int = 0) -> str:
    """Text without control characters; lengths in characters."""
    if not shortest <= len(value) <= longest:
        raise InvalidField(field, f"{shortest} to {longest} characters are expected, not {len(value)}")
    if not all(character.isprintable() for character in value):
        raise InvalidField(field, "control characters are not expected")
    return value


def identifier(field: str, value: str) -> str:
    """An id of ours: letters, digits, - and _, at most 64 of them."""
    if _ID.fullmatch(value) is None:
        raise InvalidField(field, "an id of letters, digits, - and _ is expected")
    return value


def digest(field: str, value: bytes) -> bytes:
    """A SHA-256."""
    if len(value) != SHA256_BYTES:
        raise InvalidField(field, f"a SHA-256 of {SHA256_BYTES} bytes is expected, not {len(value)} bytes")
    return value


def data(field: str, value: bytes, *, longest: int, shortest: int = 1) -> bytes:
    """Bytes of any kind; lengths in bytes."""
    if not shortest <= len(value) <= longest:
        raise InvalidField(field, f"{shortest} to {longest} bytes are expected, not {len(value)}")
    return value


def items(field: str, values: Sequence[T], *, most: int, fewest: int = 0) -> tuple[T, ...]:
    """A list that is neither too short nor too long; its items are checked one by one elsewhere."""
    if not fewest <= len(values) <= most:
        raise InvalidField(field, f"{fewest} to {most} items are expected, not {len(values)}")
    return tuple(values)


def number(field: str, value: int, *, least: int, most: int) -> int:
    """A number within bounds, both included."""
    if not least <= value <= most:
        raise InvalidField(field, f"a number from {least} to {most} is expected, not {value}")
    return value


def instant(field: str, value: Timestamp) -> datetime:
    """A time that a calendar has, in UTC."""
    try:
        return value.ToDatetime(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidField(field, "a time between the years 1 and 9999 is expected") from error
