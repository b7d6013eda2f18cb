"""The file that durable jobs are kept in: DBOS's own tables, beside our database and apart from it.

One connection: several, or one file for everything, cost the slowest inserts a multiple. The pragmas are those of engine.py.
"""

from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DatabaseError

from cloud.errors import Damaged

_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON")


class JobFile:
    """An open job file, made where there is none. `engine` is for DBOS alone."""

    def __init__(self, path: Path) -> None:
        """Raises Damaged for a file that is no database."""
        self.engine = create_engine(f"sqlite:///{path}", pool_size=1, max_overflow=0, hide_parameters=True)
        event.listen(self.engine, "connect", _prepare)
        _check(self.engine, path)

    def close(self) -> None:
        """Give the connection back."""
        self.engine.dispose()


def _check(engine: Engine, path: Path) -> None:
    """Before DBOS meets the file: it would write a traceback."""
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema")
    except DatabaseError as error:
        engine.dispose()
        raise Damaged(
            f"{path} is not a database of jobs, or is damaged",
            next_step="Move it away and start again: releases and notices that are not finished are found elsewhere.",
        ) from error


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = "IMMEDIATE"
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
