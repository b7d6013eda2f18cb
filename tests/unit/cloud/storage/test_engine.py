"""What the database says when it fails."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from cloud.storage.engine import Database


async def test_an_error_does_not_quote_what_the_statement_carried(tmp_path: Path) -> None:
    """Neither the writer's nor a reader's: errors end in logs."""
    database = Database.open_sqlite(tmp_path / "cloud.db")
    statement = text("SELECT :address FROM nowhere")
    for transaction in (database.writing, database.reading):
        with pytest.raises(OperationalError) as failed:
            async with transaction() as connection:
                await connection.execute(statement, {"address": "secret@example.com"})
        assert "secret" not in str(failed.value)
    await database.close()
