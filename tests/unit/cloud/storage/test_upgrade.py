"""The database's shape: made at the first start, left alone at the next, refused where it is newer than we are."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cloud.errors import Conflict
from cloud.storage.migrations.upgrade import upgrade_sqlite


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_a_new_database_has_every_table_and_a_second_upgrade_changes_nothing(tmp_path: Path) -> None:
    """Also under a path with a percent sign, which configuration files treat apart."""
    path = tmp_path / "50% off" / "cloud.db"
    path.parent.mkdir()
    upgrade_sqlite(path)
    made = tables(path)
    assert {"realms", "list_entries", "device_events", "audit", "held_messages"} <= made
    upgrade_sqlite(path)
    assert tables(path) == made


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """Not touched, and said so."""
    path = tmp_path / "cloud.db"
    upgrade_sqlite(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(Conflict, match="newer version"):
        upgrade_sqlite(path)
