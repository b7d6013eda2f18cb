"""Blobs on a local disk: whole or not there, and on disk before anyone is told."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloud.errors import Damaged, OutOfResources
from cloud.storage.blobs import LocalBlobs

NAME = "realm_1/msg_a-B_9"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "state" / "blobs"


@pytest.fixture
def blobs(root: Path) -> LocalBlobs:
    return LocalBlobs.open(root)


async def content(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def read(blobs: LocalBlobs, name: str = NAME) -> bytes:
    return b"".join([piece async for piece in blobs.read(name)])


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 5_000_001])
async def test_what_was_written_is_read(blobs: LocalBlobs, size: int) -> None:
    data = os.urandom(size)
    await blobs.write(NAME, content(data[: size // 2], data[size // 2 :]))
    assert await read(blobs) == data


def test_the_folder_is_its_owners_alone(blobs: LocalBlobs, root: Path) -> None:
    assert root.stat().st_mode & 0o777 == 0o700


async def test_file_folder_and_a_new_folders_parent_are_forced_to_disk(
    blobs: LocalBlobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced: list[Path] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        forced.append(behind(descriptor))
        real(descriptor)

    monkeypatch.setattr("cloud.storage.durable.os.fsync", fsync)
    await blobs.write(NAME, content(b"data"))
    assert forced == [root / NAME, root / "realm_1", root]


def test_a_new_root_is_on_disk_in_every_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forced: list[Path] = []
    monkeypatch.setattr("cloud.storage.durable.os.fsync", lambda descriptor: forced.append(behind(descriptor)))
    LocalBlobs.open(tmp_path / "a" / "b" / "c")
    assert forced == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]


async def test_what_the_content_raises_comes_out_and_leaves_nothing(blobs: LocalBlobs, root: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 3_000_000
        raise LookupError("broken")

    with pytest.raises(LookupError, match="broken"):
        await blobs.write(NAME, broken())
    assert files(root) == []


async def test_a_write_that_is_cancelled_leaves_nothing(blobs: LocalBlobs, root: Path) -> None:
    started = asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        yield b"x" * 3_000_000
        started.set()
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(blobs.write(NAME, stuck()))
        await asyncio.wait_for(started.wait(), 10)
        task.cancel()
    async with asyncio.timeout(10):
        while files(root):  # noqa: ASYNC110 - obstore cleans up on a thread that tells nobody
            await asyncio.sleep(0)


async def test_what_is_being_written_is_not_there_yet(blobs: LocalBlobs) -> None:
    seen: list[str] = []

    async def watched() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 1_500_000
            seen.extend([entry.name async for entry in blobs.entries()])

    await blobs.write(NAME, watched())
    assert seen == []
    assert [entry.name async for entry in blobs.entries()] == [NAME]


async def test_staging_files_are_swept_and_nothing_else(blobs: LocalBlobs, root: Path) -> None:
    await blobs.write(NAME, content(b"data"))
    for left in ("msg_x#1", "msg_y#12"):
        (root / "realm_1" / left).write_bytes(b"half")
    assert await blobs.sweep_staging() == 2
    assert files(root) == [NAME]
    assert await blobs.sweep_staging() == 0


async def test_a_blob_is_removed_once_and_no_error_twice(blobs: LocalBlobs) -> None:
    await blobs.write(NAME, content(b"data"))
    await blobs.remove(NAME)
    await blobs.remove(NAME)
    with pytest.raises(Damaged, match="missing"):
        await read(blobs)


@pytest.mark.parametrize("name", ["../x", "a/../b", "/etc/passwd", "a", "a/b/c", "a/b#1", "a/b c", "", "a/" + "b" * 65])
async def test_a_name_leads_nowhere_else(blobs: LocalBlobs, name: str) -> None:
    with pytest.raises(ValueError, match="FOLDER/NAME"):
        await blobs.write(name, content(b"x"))
    with pytest.raises(ValueError, match="FOLDER/NAME"):
        await read(blobs, name)
    with pytest.raises(ValueError, match="FOLDER/NAME"):
        await blobs.remove(name)


async def test_a_disk_that_takes_no_more_is_an_answer(blobs: LocalBlobs, root: Path) -> None:
    (root / "realm_1").write_bytes(b"a file where the folder should be")
    with pytest.raises(OutOfResources):
        await blobs.write(NAME, content(b"x" * 100))


async def test_there_is_room_on_the_disk(blobs: LocalBlobs) -> None:
    assert await blobs.room() > 0


def behind(descriptor: int) -> Path:
    """The file or folder that a descriptor stands for."""
    return Path(f"/proc/self/fd/{descriptor}").readlink()


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
