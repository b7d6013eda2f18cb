"""The job file: made where there is none, refused where it is something else."""

from contextlib import closing
from pathlib import Path

import pytest

from cloud.errors import Damaged
from cloud.storage.job_file import JobFile


def test_a_file_that_is_no_database_is_refused_with_its_name(tmp_path: Path) -> None:
    """Before DBOS, which would print a traceback, has seen it; and it stays as it is."""
    path = tmp_path / "jobs.db"
    path.write_bytes(b"not a database, " * 100)
    with pytest.raises(Damaged) as refused:
        JobFile(path)
    assert str(path) in refused.value.sentence
    assert refused.value.next_step
    assert path.read_bytes() == b"not a database, " * 100


def test_what_it_made_it_opens_again(tmp_path: Path) -> None:
    for _ in range(2):
        with closing(JobFile(tmp_path / "jobs.db")) as file, file.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
