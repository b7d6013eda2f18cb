"""Where a defect of ours stops: at the session in which it shows."""

from collections.abc import Callable
from types import TracebackType
from typing import Self


class Boundary:
    """The session's boundary: what goes wrong in one session ends at most this one. The log gets no content: no message.

    `crossed` afterwards: something did, and `failed` was told.
    """

    __slots__ = ("_during", "_failed", "crossed")

    def __init__(self, failed: Callable[[str, Exception], None], during: str) -> None:
        self.crossed = False
        self._failed = failed
        self._during = during

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Defects end here; cancellation and the like go on."""
        if isinstance(error, Exception):
            self.crossed = True
            self._failed(self._during, error)
        return self.crossed
