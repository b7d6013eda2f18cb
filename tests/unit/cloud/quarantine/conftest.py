"""The world that these tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.cloud.quarantine.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World.open(tmp_path)
    yield opened
    await opened.close()
