"""A database of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloud.storage.engine import Database
from cloud.storage.migrations.upgrade import upgrade_sqlite


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    upgrade_sqlite(tmp_path / "cloud.db")
    opened = Database.open_sqlite(tmp_path / "cloud.db")
    yield opened
    await opened.close()
