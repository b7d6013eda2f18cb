"""A state of its own for each test, opened as a command opens it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from cloud.control.administration import Administration
from cloud.rooms import opened_for_command
from cloud.settings import Settings
from cloud.storage.state_folder import StateFolder

Opener = Callable[[StateFolder], AbstractAsyncContextManager[Administration]]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def opener(state: Path) -> Opener:
    settings = Settings.read({"state": str(state)}, {})
    return lambda folder: opened_for_command(settings, folder)
