"""The master key: 32 random bytes in a file of their own, outside the state folder, or in an environment variable.

Whoever has the state folder alone (a stolen disk, a backup) can read nothing of what is sealed in it.
"""

import base64
import binascii
from pathlib import Path
from typing import Final

from cloud.errors import Conflict
from cloud.quarantine.sealing import KEY_BYTES
from cloud.storage.durable import make_private_folder, replace_file

ENVIRONMENT_VARIABLE: Final = "SRX_CLOUD_MASTER_KEY"
"""Holds the key in base64 where no file is wanted; its reader is the process's settings, not this room."""

_OTHERS: Final = 0o077


def decode_key(text: str, origin: str) -> bytes:
    """The key from its text form. Raises Conflict that names the origin, never the text."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise Conflict(
            f"{origin} holds no master key", next_step="It must be 32 bytes in base64. Restore it from your backup."
        )
    return key


def read_key_file(path: Path) -> bytes | None:
    """The key in that file; None where there is no such file. Raises Conflict for a file that others may read."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    if mode & _OTHERS:
        raise Conflict(f"the key file {path} is open to others", next_step=f"Run: chmod 600 {path}")
    return decode_key(path.read_text(encoding="ascii", errors="replace"), str(path))


def write_key_file(path: Path, key: bytes) -> None:
    """Keep the key there, for its owner alone; on disk when it returns."""
    make_private_folder(path.parent)
    replace_file(path, base64.b64encode(key) + b"\n")


def refuse_inside(path: Path, state: Path) -> None:
    """Raises Conflict for a key file inside the state folder: it would go wherever the folder goes."""
    if path.resolve().is_relative_to(state.resolve()):
        raise Conflict(
            "the master key can't be kept inside the state folder",
            next_step="Name a key file elsewhere: a copy of the state must not hold the key to it.",
        )
