"""Held messages: what went in comes out, wherever it lay; and no more is held than there is room for."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.inspection.held_content import HeldContent
from device.inspection.room import Budget, Room

PLENTY = 1_000_000


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as made:
        yield Path(made)


def room(folder: Path, *, memory: int = PLENTY, disk: int = PLENTY, spill_above: int = PLENTY) -> Room:
    return Room(Budget(memory), Budget(disk), spill_above, folder)


def left(budget: Budget) -> int:
    """How much may still be taken; nothing is taken."""
    size = PLENTY
    while not budget.take(size):
        size -= 1
    budget.give_back(size)
    return size


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=300), max_size=12),
    memory=st.integers(0, 900),
    above=st.integers(0, 900),
)
def test_what_went_in_comes_out_in_order_and_as_often_as_wanted(
    folder: Path, pieces: list[bytes], memory: int, above: int
) -> None:
    held = HeldContent(room(folder, memory=memory, spill_above=above))
    assert all(held.append(piece) for piece in pieces)
    assert [*held] == pieces
    assert [*held] == pieces


def test_small_messages_stay_in_memory(tmp_path: Path) -> None:
    """Rule: only what goes beyond the size, or beyond all memory, goes to disk."""
    held = HeldContent(room(tmp_path, disk=0, spill_above=10))
    assert held.append(b"0123456789")
    assert not held.append(b"!")


def test_a_message_that_does_not_fit_into_memory_goes_to_disk(tmp_path: Path) -> None:
    made = room(tmp_path, memory=10)
    first, second = HeldContent(made), HeldContent(made)
    assert first.append(b"0123456789")
    assert second.append(b"abc")
    assert left(made.disk) < PLENTY
    assert [*second] == [b"abc"]


def test_room_is_given_back_and_readers_go_on(tmp_path: Path) -> None:
    """An upload may still read what nobody holds any more."""
    made = room(tmp_path, spill_above=3)
    held = HeldContent(made)
    assert held.append(b"abc")
    assert held.append(b"def")
    held.give_room_back()
    held.give_room_back()
    assert (left(made.memory), left(made.disk)) == (PLENTY, PLENTY)
    assert [*held] == [b"abc", b"def"]


def test_what_is_on_disk_has_no_name_and_cannot_be_read_there(tmp_path: Path) -> None:
    """Rule: a device that is killed leaves no message behind, and a stolen disk tells none."""
    held = HeldContent(room(tmp_path, spill_above=0))
    content = b"attack at dawn " * 100
    assert held.append(content)
    assert [*tmp_path.iterdir()] == []
    raw = b"".join(_open_files(tmp_path))
    assert len(raw) >= len(content)
    assert b"attack" not in raw


def test_a_disk_that_cannot_be_written_is_no_room(tmp_path: Path) -> None:
    """Rule: disk full 452 4.3.1; the message is put off, and nothing breaks."""
    held = HeldContent(room(tmp_path / "absent", spill_above=0))
    assert not held.append(b"abc")


def test_a_piece_that_changed_on_disk_is_an_error(tmp_path: Path) -> None:
    """It must never go on as if it were the message."""
    held = HeldContent(room(tmp_path, spill_above=0))
    assert held.append(b"abc")
    for path in _open_paths(tmp_path):
        with path.open("r+b") as file:
            file.write(b"x")
    with pytest.raises(OSError, match="can't be read back"):
        list(held)


def _open_paths(folder: Path) -> list[Path]:
    """This process' open files in that folder, names or no names (proc(5))."""
    return [each for each in [*Path("/proc/self/fd").iterdir()] if _lies_in(each, folder)]


def _lies_in(descriptor: Path, folder: Path) -> bool:
    try:
        return str(descriptor.readlink()).startswith(str(folder))
    except OSError:
        return False


def _open_files(folder: Path) -> Iterator[bytes]:
    for each in _open_paths(folder):
        yield each.read_bytes()
