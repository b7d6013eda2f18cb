"""Files that are still there after a power cut: content and folder entry are both forced to disk."""

import os
from pathlib import Path


def sync_file(path: Path) -> None:
    """Force a file's content to disk."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Force a folder's entries to disk: what was made, renamed or removed in it."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def make_private_folder(path: Path) -> None:
    """The folder and what is missing above it, readable for the owner alone, each on disk in its parent."""
    if path.is_dir():
        return
    make_private_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_folder(path.parent)


def replace_file(path: Path, content: bytes) -> None:
    """Put this content there, whole or not at all, readable for the owner alone; on disk when it returns."""
    staging = path.with_name(path.name + ".new")
    descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    staging.replace(path)
    sync_folder(path.parent)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
