"""The folder that a cloud's state lives in: whose it is, and who works on it at the moment.

    cloud.db          our tables (SQLite, with its journal beside it)
    jobs.db           durable work (DBOS)
    keyring.json      wrapped keys; the key that opens them lies elsewhere
    authority/        certificates, sealed keys
    vault/            sealed mail
    lock              held (flock) by the running service, or by a command while it works without one
    control.sock      the running service's door for commands
    settings.toml     settings, where the operator wrote some

Only `serve` and `realm create` make one. It is its owner's alone (0700), and only the owner opens it: a root that opened it
would leave files that the owner's service can't write. The kernel gives a lock back when its holder dies, however it dies.
"""

import fcntl
import os
import pwd
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cloud.errors import Conflict, NotFound, Refused

_FOLDER_MODE: Final = 0o700
_LOCK: Final = "lock"


class StateBusy(Conflict):
    """Another process works on the state; a command may wait for its turn."""


class NoState(NotFound):
    """There is no state at that place."""


@dataclass(frozen=True, slots=True)
class StateFolder:
    """A state folder that this process holds the lock of, until close()."""

    path: Path
    _lock: int

    @classmethod
    def make(cls, path: Path) -> Self:
        """Lock the folder, making it where there is none. Raises StateBusy, Refused, Conflict for a folder of other things."""
        try:
            path.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise not_a_folder(path) from None
        except PermissionError:
            raise not_allowed(path) from None
        check_owner(path)
        if not (path / _LOCK).exists():
            _refuse_strangers(path)
            path.chmod(_FOLDER_MODE)
        return cls._locked(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Lock a state that is there. Raises NoState, StateBusy, Refused."""
        check_exists(path)
        check_owner(path)
        return cls._locked(path)

    @classmethod
    def _locked(cls, path: Path) -> Self:
        _refuse_open_doors(path)
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
            os.close(lock)
            raise StateBusy(
                f"another srx-cloud (process {holder or 'unknown'}) works on {path}",
                next_step="Stop it first, or choose another place with --state.",
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        return cls(path, lock)

    @property
    def database(self) -> Path:
        """The file of our tables."""
        return self.path / "cloud.db"

    @property
    def jobs_database(self) -> Path:
        """The file of durable work."""
        return self.path / "jobs.db"

    @property
    def vault(self) -> Path:
        """The folder of sealed mail."""
        return self.path / "vault"

    @property
    def authority(self) -> Path:
        """The folder of the authority's certificates and sealed keys."""
        return self.path / "authority"

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._lock)


def check_exists(path: Path) -> None:
    """Raises NoState where there is no state at the path, Refused where this user may not look."""
    try:
        made = (path / _LOCK).exists()
    except PermissionError:
        raise not_allowed(path) from None
    if not made:
        raise NoState(
            f"there is no state at {path}",
            next_step="srx-cloud realm create NAME makes one; so does srx-cloud serve. --state says where.",
        )


def check_owner(path: Path) -> None:
    """Raises Refused unless this user owns the folder; being root is not enough."""
    if path.stat().st_uid != os.geteuid():
        raise not_allowed(path)


def not_allowed(path: Path) -> Refused:
    """The error for a state that belongs to someone else."""
    owner = _user_name(_nearest(path).st_uid)
    return Refused(
        f"{path} belongs to {owner}, and this user is {_user_name(os.geteuid())}",
        next_step=f"Run the command as {owner} (sudo -u {owner} …), or choose another place with --state.",
    )


def not_a_folder(path: Path) -> Conflict:
    """The error for a state whose path, or the way there, is a file."""
    file = next((each for each in (path, *path.parents) if each.is_file()), path)
    return Conflict(f"{file} is a file, not a folder", next_step="Choose another place with --state.")


def _nearest(path: Path) -> os.stat_result:
    """The folder itself, or the nearest one above it that this user may see."""
    for each in (path, *path.parents):
        with suppress(OSError):
            return each.stat()
    return Path("/").stat()


def _user_name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return f"user {user_id}"


def _refuse_strangers(path: Path) -> None:
    """A folder that holds something, and no state, is not ours to fill."""
    if any(each.name != "settings.toml" for each in path.iterdir()):
        raise Conflict(
            f"{path} holds other things and no state", next_step="Choose an empty or new folder with --state."
        )


def _refuse_open_doors(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise Refused(
            f"{path} is open to other users (mode {mode:04o})",
            next_step=f"Close it, then try again: chmod 700 {path}",
        )
