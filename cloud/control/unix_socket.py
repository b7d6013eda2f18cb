"""The control socket's address: beside the state, however long the state's path is.

The kernel's address of a Unix socket has 108 bytes (unix(7)), and paths may be longer; so the folder is opened, and the
socket named through it: /proc/self/fd/N/control.sock.
"""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

NAME: Final = "control.sock"

_BACKLOG: Final = 32


@contextmanager
def listening(state: Path) -> Iterator[socket.socket]:
    """A listening socket that the folder's owner alone can connect to; gone after the block. The state's lock is held."""
    with _short_path(state) as path, socket.socket(socket.AF_UNIX) as door:
        # The lock is ours: a socket that is there belongs to a service that was killed.
        with suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108 - a path through a file descriptor
        mask = os.umask(0o177)
        try:
            door.bind(path)
        finally:
            os.umask(mask)
        door.listen(_BACKLOG)
        door.setblocking(False)
        try:
            yield door
        finally:
            os.unlink(path)  # noqa: PTH108 - same


def connect(state: Path) -> socket.socket | None:
    """A connection to the running service; None if none runs. Raises PermissionError, FileNotFoundError (no folder)."""
    with _short_path(state) as path:
        door = socket.socket(socket.AF_UNIX)
        try:
            door.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            door.close()
            return None
        except OSError:
            door.close()
            raise
    door.setblocking(False)
    return door


def peer_user_id(connection: socket.socket) -> int:
    """The user at the other end, as the kernel knows it (unix(7), SO_PEERCRED)."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


@contextmanager
def _short_path(state: Path) -> Iterator[str]:
    folder = os.open(state, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{NAME}"
    finally:
        os.close(folder)
