"""Commands and results as lines of JSON."""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atp.reasons import Reason
from cloud.control.table import OPERATIONS
from cloud.control.wire import (
    FarError,
    decode_answer,
    decode_request,
    encode_error,
    encode_request,
    encode_result,
    from_json,
    is_wrong_usage,
    to_json,
)
from cloud.errors import CloudError, Conflict, InvalidRequest, NotFound
from cloud.policy.lists import ListName


@dataclass(frozen=True, slots=True)
class Inner:
    name: str


@dataclass(frozen=True, slots=True)
class Everything:
    text: str
    number: int
    flag: bool
    time: datetime
    which: ListName
    many: tuple[Inner, ...]
    table: dict[str, int]
    maybe: str | None = None
    also: datetime | None = None


WHOLE = Everything(
    "x\n\x1b", 3, True, datetime(2026, 3, 1, tzinfo=UTC), ListName.BLOCK, (Inner("a"), Inner("b")), {"c": 1}, "y"
)


def test_a_value_survives_the_way() -> None:
    """Times, enums, tuples, nested values, tables, what may be absent."""
    assert from_json(Everything, json.loads(json.dumps(to_json(WHOLE)))) == WHOLE


def test_a_request_is_one_line_whatever_it_holds() -> None:
    """Line ends inside of values are escaped."""
    line = encode_request("some.operation", WHOLE)
    assert line.count(b"\n") == 1
    request = decode_request(line)
    assert request.operation == "some.operation"
    assert from_json(Everything, request.params) == WHOLE


@pytest.mark.parametrize(
    "change",
    [
        {"number": "3"},
        {"number": True},
        {"text": None},
        {"which": "neither"},
        {"time": "yesterday"},
        {"many": "ab"},
        {"many": [1]},
        {"table": []},
        {"surprise": 1},
    ],
)
def test_values_of_another_shape_are_refused(change: dict[str, Any]) -> None:
    """Nothing is guessed from another type, nothing that is unknown is let in."""
    with pytest.raises(ValueError, match=r".+"):
        from_json(Everything, to_json(WHOLE) | change)


def test_a_missing_parameter_is_refused() -> None:
    """One without a default."""
    values = to_json(WHOLE)
    del values["text"]
    with pytest.raises(ValueError, match="missing"):
        from_json(Everything, values)


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"[]\n", b"{}\n", b'{"operation": "x"}\n', b'"x"\n', b"\xff\n", b"[" * 9000]
)
def test_a_line_that_is_no_request_is_refused(line: bytes) -> None:
    """Whatever it is."""
    with pytest.raises(InvalidRequest):
        decode_request(line)


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(lambda v: json.dumps(v).encode())
)
@settings(max_examples=100, deadline=None)
def test_nothing_but_an_invalid_request_comes_of_any_line(line: bytes) -> None:
    """For a service that must not fall over what a socket brings."""
    with suppress(InvalidRequest):
        decode_request(line)


def test_an_error_keeps_its_sentence_reason_next_step_and_kind() -> None:
    """So the command can exit 1 or 2 as if it had failed by itself."""
    far = answer_error(NotFound("there is none", next_step="Make one."))
    assert (far.sentence, far.next_step, far.reason) == ("there is none", "Make one.", Reason.NOT_FOUND)
    assert not is_wrong_usage(far)
    assert is_wrong_usage(answer_error(InvalidRequest("no")))


def answer_error(error: NotFound | InvalidRequest) -> FarError:
    with pytest.raises(FarError) as far:
        decode_answer(encode_error(error), Inner)
    return far.value


def test_a_result_is_read_as_its_type() -> None:
    """And what is no result is said to be of another version."""
    assert decode_answer(encode_result(Inner("a")), Inner) == Inner("a")
    with pytest.raises(CloudError, match="failed"):
        decode_answer(b"", Inner)
    for line in (b"{}\n", b'{"result": {"other": 1}}\n', b'{"error": {}}\n'):
        with pytest.raises(Conflict, match="can't read"):
            decode_answer(line, Inner)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_is_named_after_what_it_does(name: str) -> None:
    """noun.verb, with parameters and results that can stand on the wire."""
    operation = OPERATIONS[name]
    assert operation.name == name
    assert name.count(".") == 1
    with pytest.raises(ValueError, match="no parameter surprise"):
        from_json(operation.params, {"surprise": 1})
