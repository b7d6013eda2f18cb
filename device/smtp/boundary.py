"""The session's boundary: what goes wrong in one session ends at most this one."""

from collections.abc import Callable
from typing import Any, Self


class Boundary:
    """A context that any Exception ends in: logged with its place, without its text, which may hold content.

    One object serves a whole session; an Exception leaves `failed` set. `log` makes the logger when it is needed.
    """

    def __init__(self, log: Callable[[], Any], during: str) -> None:
        self.failed = False
        self._log = log
        self._during = during

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        self.failed = True
        self._log().error("session.failed", during=self._during, error=type(error).__name__, where=_place_of(error))
        return True


def _place_of(error: BaseException) -> str:
    """File and line where it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
