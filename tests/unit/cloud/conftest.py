"""A state of its own, with all rooms open and no service."""

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from cloud.clock import random_id, system_clock
from cloud.enrollment.endpoints import Endpoints
from cloud.rooms import AtNextStart, Rooms, open_rooms
from cloud.settings import Settings
from cloud.storage.state_folder import StateFolder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Every port a free one."""
    free = dict.fromkeys(("enrolment_listen", "device_listen", "portal_listen"), "127.0.0.1:0")
    return Settings.read({"state": str(tmp_path / "state"), **free}, {})


@pytest.fixture
async def rooms(settings: Settings) -> AsyncIterator[Rooms]:
    with closing(StateFolder.make(settings.state)) as folder:
        async with open_rooms(
            settings,
            folder,
            advertised=lambda: Endpoints("localhost", 1, 2),
            jobs=AtNextStart(),
            clock=system_clock,
            new_id=random_id,
        ) as opened:
            yield opened
