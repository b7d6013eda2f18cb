"""The session's boundary: what goes wrong in one session ends at most this one."""

from typing import Any, Self

import structlog

from device.smtp.intake import Peers


class SessionLog:
    """The log of one session; a logger is made when something is said, since most sessions say nothing."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.peers: Peers | None = None

    def __call__(self) -> Any:
        """A logger that names the session and, once they are known, client and server."""
        made = structlog.get_logger().bind(session=self.number)
        return made if self.peers is None else made.bind(client=self.peers.client.host, server=self.peers.server.host)


class Boundary:
    """A context that any Exception ends in: logged with its place, without its text, which may hold content.

    An Exception leaves `failed` set.
    """

    def __init__(self, log: SessionLog, during: str) -> None:
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
