"""The running device's ear."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from device import control
from device.errors import NotRunning


def answers() -> control.Answers:
    """One thing that can be asked."""

    def status() -> dict[str, Any]:
        return {"enrolled": False}

    return {"status": status}


async def test_a_question_is_answered_however_long_the_path(tmp_path: Path) -> None:
    """A state folder's path may be longer than a Unix socket's (108 bytes)."""
    state = tmp_path / ("long" * 20) / ("longer" * 20)
    state.mkdir(parents=True)
    async with control.listening(state, answers()):
        assert await control.ask(state, "status") == {"enrolled": False}
        assert "error" in await control.ask(state, "nonsense")


async def test_only_the_owner_may_ask(tmp_path: Path) -> None:
    """The socket has mode 0600."""
    async with control.listening(tmp_path, answers()):
        assert (tmp_path / "control.sock").stat().st_mode & 0o777 == 0o600


async def test_no_device_is_a_clear_error(tmp_path: Path) -> None:
    """Nothing there, or a socket that a killed device left."""
    with pytest.raises(NotRunning, match="no device runs"):
        await control.ask(tmp_path, "status")
    with pytest.raises(NotRunning):
        await control.ask(tmp_path / "nowhere", "status")


async def test_a_socket_left_by_a_killed_device_is_replaced(tmp_path: Path) -> None:
    """The next device listens all the same."""
    (tmp_path / "control.sock").touch()
    async with control.listening(tmp_path, answers()):
        assert await control.ask(tmp_path, "status") == {"enrolled": False}


async def test_a_question_may_be_answered_after_a_while(tmp_path: Path) -> None:
    """As a reload is: the answer comes when it is done."""
    done = asyncio.Event()

    async def slow() -> dict[str, str]:
        await done.wait()
        return {"done": "yes"}

    async with control.listening(tmp_path, {"slow": slow}), asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(control.ask(tmp_path, "slow", 10))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asked), 0.2)
        done.set()
        assert await asked == {"done": "yes"}
