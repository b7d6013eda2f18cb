"""Brings a database to the shape that this version expects. Blocking: the service runs it in a thread before engines open."""

from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, event

from cloud.errors import Conflict

_SCRIPTS: Final = Path(__file__).parent


def upgrade_sqlite(path: Path) -> None:
    """Upgrade the file, making it where there is none. Raises Conflict where a newer version wrote it."""
    engine = create_engine(f"sqlite:///{path}", hide_parameters=True)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    try:
        with engine.begin() as connection:
            upgrade(connection)
    finally:
        engine.dispose()


def upgrade(connection: Connection) -> None:
    """Upgrade inside the caller's transaction. Raises Conflict where a newer version wrote the database."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise Conflict(
            "this state was written by a newer version of srx-cloud",
            next_step="Install that version again, or use another state folder.",
        ) from error


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
