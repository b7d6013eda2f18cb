"""The database: one writer connection, many readers, and what SQLite needs to be safe under both.

SQLite: WAL; BEGIN IMMEDIATE for writers, since a reader that turns writer fails at once with "database is locked",
whatever busy_timeout says; synchronous=FULL, since only that covers a power cut; secure_delete and truncated checkpoints, so
that no destroyed key stays in a journal; one writer connection a file, since SQLite before 3.51.3 can corrupt a database
when two write or checkpoint at once. PostgreSQL takes none of this and its own pool.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

_WRITER_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=30000",
    "foreign_keys=ON",
    "secure_delete=ON",
)
_READER_PRAGMAS: Final = ("busy_timeout=30000", "foreign_keys=ON", "query_only=ON")


class Database:
    """Transactions on the cloud's tables. Made by open_sqlite() or open_url(); migrations have run before."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self._writer = writer
        self._reader = reader

    @classmethod
    def open_sqlite(cls, path: Path) -> Self:
        """The embedded default: one file beside its journal."""
        url = f"sqlite+aiosqlite:///{path}"
        # An error's text would quote what a statement carried: addresses, sealed content.
        writer = create_async_engine(url, pool_size=1, max_overflow=0, hide_parameters=True)
        reader = create_async_engine(url, pool_size=4, max_overflow=4, hide_parameters=True)
        _prepare_sqlite(writer, _WRITER_PRAGMAS, begin="BEGIN IMMEDIATE")
        _prepare_sqlite(reader, _READER_PRAGMAS, begin="BEGIN")
        return cls(writer, reader)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """One write transaction: committed at the end of the block, rolled back by an exception. Writers take turns."""
        async with self._writer.begin() as connection:
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """One consistent snapshot to read from; never waits for the writer."""
        async with self._reader.begin() as connection:
            yield connection

    async def scrub(self) -> None:
        """Empty the journal into the file, so that what was deleted stands nowhere any more (a destroyed key, above all)."""
        async with self._writer.connect() as connection:
            raw = await connection.get_raw_connection()
            if self._writer.dialect.name == "sqlite":
                await _execute_raw(raw.driver_connection, "PRAGMA wal_checkpoint(TRUNCATE)")

    async def close(self) -> None:
        """Give all connections back."""
        await self._reader.dispose()
        await self._writer.dispose()


async def _execute_raw(driver_connection: Any, statement: str) -> None:
    """Outside of any transaction: a checkpoint inside one would wait for itself."""
    await (await driver_connection.execute(statement)).close()


def _prepare_sqlite(engine: AsyncEngine, pragmas: tuple[str, ...], *, begin: str) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)
