"""A portal and a browser for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.cloud.portal.rig import Browser, Rig


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    built = await Rig.build(tmp_path)
    yield built
    await built.database.close()


@pytest.fixture
async def browser(rig: Rig) -> AsyncIterator[Browser]:
    async with rig.browser() as opened:
        yield opened
