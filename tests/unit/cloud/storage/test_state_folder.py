"""The state folder: made by few, opened by its owner, held by one."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cloud.errors import Conflict, Refused
from cloud.storage.state_folder import NoState, StateBusy, StateFolder

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="changes owners")


def test_a_new_state_is_its_owners_alone(tmp_path: Path) -> None:
    """Folder 0700, lock 0600, parents made."""
    with closing(StateFolder.make(tmp_path / "a" / "b")) as folder:
        assert folder.path.stat().st_mode & 0o777 == 0o700
        assert (folder.path / "lock").stat().st_mode & 0o777 == 0o600


def test_an_empty_folder_becomes_a_state_and_is_closed_to_others(tmp_path: Path) -> None:
    """Also one that holds the settings already."""
    tmp_path.chmod(0o755)
    (tmp_path / "settings.toml").touch()
    with closing(StateFolder.make(tmp_path)):
        assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_folder_of_other_things_is_not_taken(tmp_path: Path) -> None:
    """--state /home/alice must not litter a home."""
    (tmp_path / "letters").mkdir()
    with pytest.raises(Conflict, match="other things"):
        StateFolder.make(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["letters"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """Said as such."""
    (tmp_path / "file").touch()
    with pytest.raises(Conflict, match="not a folder"):
        StateFolder.make(tmp_path / "file")


def test_opening_makes_nothing(tmp_path: Path) -> None:
    """A command with a mistyped path must not leave an empty state behind."""
    with pytest.raises(NoState, match="no state"):
        StateFolder.open(tmp_path / "none")
    with pytest.raises(NoState):
        StateFolder.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_one_process_holds_a_state_and_the_next_is_told_which(tmp_path: Path) -> None:
    """The second is refused with the first one's process id; after close() it may."""
    with closing(StateFolder.make(tmp_path)):
        for take in (StateFolder.open, StateFolder.make):
            with pytest.raises(StateBusy, match=str(os.getpid())):
                take(tmp_path)
    StateFolder.open(tmp_path).close()


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    """The kernel gives its lock back."""
    code = (
        "import os, sys; from pathlib import Path; from cloud.storage.state_folder import StateFolder\n"
        f"folder = StateFolder.make(Path({str(tmp_path / 's')!r})); print('held', flush=True); sys.stdin.read()"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StateBusy, match=str(holder.pid)):
            StateFolder.open(tmp_path / "s")
        holder.kill()
        holder.wait(10)
    StateFolder.open(tmp_path / "s").close()


def test_a_state_that_was_opened_to_others_is_not_used(tmp_path: Path) -> None:
    """The mode is named, and the command that mends it."""
    StateFolder.make(tmp_path / "s").close()
    (tmp_path / "s").chmod(0o750)
    with pytest.raises(Refused, match="0750") as refused:
        StateFolder.open(tmp_path / "s")
    assert "chmod 700" in refused.value.next_step


@needs_root
@pytest.mark.parametrize("take", [StateFolder.make, StateFolder.open])
def test_root_is_not_the_owner(tmp_path: Path, take: Callable[[Path], StateFolder]) -> None:
    """Root could open it, but would leave files that the owner can't write: the error names the owner."""
    StateFolder.make(tmp_path / "s").close()
    os.chown(tmp_path / "s", NOBODY, NOBODY)
    with pytest.raises(Refused, match="nobody"):
        take(tmp_path / "s")


@needs_root
def test_what_may_not_be_seen_is_not_missing(tmp_path: Path) -> None:
    """Permission denied never means that there is no state, or that nothing runs."""
    StateFolder.make(tmp_path / "private" / "s").close()
    (tmp_path / "private").chmod(0o700)
    code = (
        "import os; from pathlib import Path; from cloud.storage.state_folder import StateFolder\n"
        "from cloud.control.door import service_runs; from cloud.errors import Refused\n"
        f"os.seteuid({NOBODY})\n"
        "for take in (StateFolder.make, StateFolder.open, service_runs):\n"
        "    try: take(Path('private/s'))\n"
        "    except Refused as error: print(error.sentence)\n"
    )
    tmp_path.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.count("belongs to root") == 3, said.stderr
