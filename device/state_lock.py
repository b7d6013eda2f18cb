"""One device a state folder: a lock that ends with the process that holds it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from device.errors import WrongSetting


@contextmanager
def alone_on(state: Path) -> Iterator[None]:
    """Hold the folder. Raises WrongSetting where another device runs on it."""
    descriptor = os.open(state / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise WrongSetting(
            f"a device already runs on {state}", next_step="Stop it (srx stop), or name another folder with --state."
        ) from error
    finally:
        os.close(descriptor)
