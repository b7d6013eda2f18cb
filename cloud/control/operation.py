"""An operation: a name, what it takes, what it gives, and the function that does it. Everything else is derived from that."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cloud.control.administration import Administration

Params = TypeVar("Params")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Operation(Generic[Params, Result]):
    """One thing that an administrator can do. `params` and `result` are frozen dataclasses of JSON values."""

    name: str
    params: type[Params]
    result: type[Result]
    run: Callable[[Administration, Params], Awaitable[Result]]
