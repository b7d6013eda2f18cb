"""The audit log: rows are added and never changed; each row's digest covers the row before it."""

from typing import Any

from sqlalchemy import Column, Connection, Integer, LargeBinary, String, Table, Text, event

from cloud.storage.tables.metadata import Instant, metadata

audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    # What happened, in the words of the log: device.enrolled, token.refused, …
    Column("what", String(64), nullable=False),
    # No foreign key: the log outlives what it speaks of. Null: no realm is concerned.
    Column("realm_id", String(64), index=True),
    Column("actor", String(320), nullable=False),
    # A JSON object, exactly the bytes that the digest covers.
    Column("fields", Text, nullable=False),
    # The digest of the row before; unique, so that two writers cannot both follow one row.
    Column("previous", LargeBinary(32), nullable=False, unique=True),
    Column("digest", LargeBinary(32), nullable=False),
)


@event.listens_for(audit, "after_create")
def _refuse_changes(_table: Table, connection: Connection, **_: Any) -> None:
    """SQLite's own guard against a statement of ours that would rewrite history."""
    if connection.dialect.name == "sqlite":
        for act in ("UPDATE", "DELETE"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER audit_refuses_{act.lower()} BEFORE {act} ON audit "
                "BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END"
            )
