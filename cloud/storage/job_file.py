"""The file that durable jobs are kept in: DBOS's own tables, beside our database and apart from it.

One connection: several, or one file for everything, cost the slowest inserts a multiple. The pragmas are those of engine.py.
"""

from pathlib import Path
from typing import Any, Final

from sqlalchemy import create_engine, event

_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON")


class JobFile:
    """An open job file, made where there is none. `engine` is for DBOS alone."""

    def __init__(self, path: Path) -> None:
        self.engine = create_engine(f"sqlite:///{path}", pool_size=1, max_overflow=0)
        event.listen(self.engine, "connect", _prepare)

    def close(self) -> None:
        """Give the connection back."""
        self.engine.dispose()


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = "IMMEDIATE"
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
