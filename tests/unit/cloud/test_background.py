"""Jobs and duties around the service's life."""

from datetime import timedelta
from pathlib import Path

import pytest

from cloud.background import Background
from cloud.errors import Damaged
from cloud.jobs.engine import Jobs
from cloud.jobs.schedule import Duty
from cloud.rooms import Rooms


async def test_jobs_that_can_not_start_are_let_go_and_can_start_again(
    rooms: Rooms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine is one a process: what a start that failed left behind would be in the next one's way."""
    background = Background(rooms, Jobs(polling=timedelta(milliseconds=20)), mail_host="localhost")
    with monkeypatch.context() as broken:
        broken.setattr(Jobs, "_report_other_versions", fail)
        with pytest.raises(OSError, match="half started"):
            async with background.running(tmp_path / "jobs.db"):
                pytest.fail("it started")
    async with background.running(tmp_path / "jobs.db"):
        pass


async def fail(_: Jobs) -> None:
    raise OSError("half started")


async def test_a_job_file_that_is_none_ends_the_start_with_its_name(rooms: Rooms, tmp_path: Path) -> None:
    (tmp_path / "jobs.db").write_bytes(b"garbage " * 100)
    with pytest.raises(Damaged, match=r"jobs\.db"):
        async with Background(rooms, Jobs(), mail_host="localhost").running(tmp_path / "jobs.db"):
            pytest.fail("it started")


async def test_what_was_not_handed_over_has_a_turn_every_minute(rooms: Rooms) -> None:
    """Nobody restarts a service because its disk was full for a moment."""
    duties = Background(rooms, Jobs(), mail_host="localhost").duties()
    assert Duty("unsent acts", timedelta(minutes=1), rooms.custody.hand_over_unsent) in duties
