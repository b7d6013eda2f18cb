"""How a command and its result stand on the control socket: one line of JSON each way, typed by dataclasses at both ends.

{"operation": "list.add", "params": {"realm": null, "list": "allow", "entries": ["example.com"]}}
{"result": {"added": ["*@example.com"]}}
{"error": {"reason": "NOT_FOUND", "sentence": "…", "next_step": "…", "wrong_usage": false}}
"""

import json
import types
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from atp.reasons import Reason
from cloud.errors import CloudError, Conflict, InvalidRequest

MAX_REQUEST: Final = 16 * 1024 * 1024
"""Bytes of one request line: a whole list of the largest size, and room."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Request:
    """A command as it came in: the operation's name, and its parameters as JSON values."""

    operation: str
    params: Mapping[str, Any]


class FarError(CloudError):
    """What the running service answered in place of a result."""

    def __init__(self, sentence: str, *, next_step: str, reason: Reason, wrong_usage: bool) -> None:
        super().__init__(sentence, next_step=next_step, reason=reason)
        self.wrong_usage = wrong_usage


def encode_request(operation: str, params: object) -> bytes:
    """The line that asks."""
    return _line({"operation": operation, "params": to_json(params)})


def decode_request(line: bytes) -> Request:
    """Read the line that asks. Raises InvalidRequest."""
    try:
        value = json.loads(line)
        return Request(str(value["operation"]), dict(value["params"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidRequest("a command is one line of JSON with operation and params") from error


def encode_result(result: object) -> bytes:
    """The line that answers."""
    return _line({"result": to_json(result)})


def encode_error(error: CloudError) -> bytes:
    """The line that says why there is no result."""
    return _line({"error": error_json(error)})


def error_json(error: CloudError) -> dict[str, Any]:
    """An error as people's programs get it."""
    return {
        "reason": error.reason.value,
        "sentence": error.sentence,
        "next_step": error.next_step,
        "wrong_usage": is_wrong_usage(error),
    }


def is_wrong_usage(error: CloudError) -> bool:
    """Whether what was asked for could never be done, whatever the state of things."""
    return error.wrong_usage if isinstance(error, FarError) else isinstance(error, InvalidRequest)


def decode_answer(line: bytes, result: type[Value]) -> Value:
    """Read the line that answers. Raises FarError where it is an error, CloudError where there is none or it can't be read."""
    if not line:
        raise CloudError("the running service failed at this command", next_step="The service's log says why.")
    try:
        answer = json.loads(line)
        if "error" not in answer:
            return from_json(result, answer["result"])
        raise _far_error(answer["error"])
    except (ValueError, KeyError, TypeError) as error:
        raise Conflict(
            "the running service gave an answer that this command can't read",
            next_step="Run the srx-cloud of the same version as the service.",
        ) from error


def to_json(value: object) -> Any:
    """JSON values for a dataclass: times as ISO 8601, enums by value."""
    assert is_dataclass(value)
    assert not isinstance(value, type)
    return _plain(asdict(value))


def from_json(kind: type[Value], value: Mapping[str, Any]) -> Value:
    """A dataclass from JSON values; fields that are not named have their defaults. Raises ValueError."""
    assert is_dataclass(kind)
    hints = get_type_hints(kind)
    strange = value.keys() - {each.name for each in fields(kind)}
    if strange:
        raise ValueError(f"there is no parameter {min(strange)}")
    try:
        return kind(**{name: _typed(hints[name], each) for name, each in value.items()})
    except TypeError as error:
        raise ValueError("a parameter is missing") from error


def _line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _far_error(value: Mapping[str, Any]) -> FarError:
    return FarError(
        str(value["sentence"]),
        next_step=str(value["next_step"]),
        reason=Reason(value["reason"]),
        wrong_usage=bool(value["wrong_usage"]),
    )


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            return value


def _typed(hint: Any, value: Any) -> Any:
    """The value as the hint wants it; the few hints that parameters and results use."""
    if isinstance(hint, types.UnionType):
        return None if value is None else _typed(_not_none(hint), value)
    origin = get_origin(hint)
    if origin is tuple:
        return tuple(_typed(get_args(hint)[0], each) for each in _expect(list, value))
    if origin is not None:
        return _expect(dict, value)
    if hint is Any:
        return value
    return _scalar(hint, value)


def _scalar(hint: Any, value: Any) -> Any:
    if is_dataclass(hint):
        return from_json(hint, _expect(dict, value))  # type: ignore[arg-type]
    if hint is datetime:
        return datetime.fromisoformat(_expect(str, value))
    if issubclass(hint, Enum):
        return hint(value)
    return _expect(hint, value)


def _not_none(hint: Any) -> Any:
    return next(each for each in get_args(hint) if each is not types.NoneType)


def _expect(kind: type[Value], value: Any) -> Value:
    if type(value) is not kind:
        raise ValueError(f"{kind.__name__} is expected")
    return value
