"""The database's shape: made at the first start, left alone at the next, refused where it is newer than we are."""

import sqlite3
from contextlib import closing
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from sqlalchemy import create_engine, inspect

from cloud.errors import Conflict
from cloud.storage import tables as all_tables
from cloud.storage.migrations.upgrade import upgrade_sqlite
from cloud.storage.tables.metadata import metadata


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


def test_the_revisions_make_the_very_shape_that_the_code_expects(tmp_path: Path) -> None:
    """What migrations make and what cloud/storage/tables says is the same, triggers included."""
    migrated, expected = tmp_path / "migrated.db", tmp_path / "expected.db"
    upgrade_sqlite(migrated)
    for module in iter_modules(all_tables.__path__):
        import_module(f"{all_tables.__name__}.{module.name}")
    engine = create_engine(f"sqlite:///{expected}")
    metadata.create_all(engine)
    engine.dispose()
    assert shape(migrated) == shape(expected)


def shape(path: Path) -> dict[str, object]:
    """Columns, keys, unique constraints and indexes by table, and the triggers."""
    engine = create_engine(f"sqlite:///{path}")
    inspector = inspect(engine)
    found: dict[str, object] = {
        name: (
            [(column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(name)],
            inspector.get_pk_constraint(name)["constrained_columns"],
            sorted(str(key) for key in inspector.get_foreign_keys(name)),
            sorted(str(unique["column_names"]) for unique in inspector.get_unique_constraints(name)),
            sorted(
                (str(index["name"]), index["column_names"], index["unique"]) for index in inspector.get_indexes(name)
            ),
        )
        for name in inspector.get_table_names()
        if name != "alembic_version"
    }
    with engine.connect() as connection:
        triggers = connection.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
        )
        found["triggers"] = [tuple(row) for row in triggers]
    engine.dispose()
    return found
