"""The rig and the mail server that these tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.cloud.release.mailserver import Mailserver, mailserver
from tests.unit.cloud.release.rig import Rig


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    opened = await Rig.open(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def server() -> AsyncIterator[Mailserver]:
    async with mailserver() as running:
        yield running
