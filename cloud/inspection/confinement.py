"""What a worker may not do, set inside the worker itself before it sees a file.

Memory, processor time, files and core dumps are limited by the kernel; a worker dies with the service; it writes no file at
all, so nothing of a mail ever reaches a disk from here. (setrlimit(2), prctl(2). preexec_fn is no place for this: it runs
between fork and exec of a process full of threads.)
"""

import ctypes
import logging
import os
import resource
import signal
import warnings
from dataclasses import dataclass
from typing import Final

from cloud.analyzers.budget import MIB

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_OPEN_FILES: Final = 64
_NICENESS: Final = 5


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """Of one worker. Below 512 MiB of address space the YARA engine alone hangs at start. Times in seconds.

    `seconds` is what one file may take before its worker is killed; a file's own budget should end earlier, since that
    keeps what was seen until then. `boot_seconds` is for a worker that never gets to its first file.
    """

    address_space: int = 1536 * MIB
    seconds: float = 25.0
    boot_seconds: float = 15.0
    files_before_renewal: int = 500


def confine(limits: WorkerLimits) -> None:
    """Give up everything that reading a file in memory doesn't need. For the process's whole life."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _limit(resource.RLIMIT_AS, limits.address_space)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    # Native code doesn't return to Python in time to handle it: a worker that is told to end must end at once.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.nice(_NICENESS)
    _be_silent()


def allow_processor_time(seconds: float) -> None:
    """From now on that much more, then SIGXCPU: a second guard where the pool's clock fails."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    allowed = int(used.ru_utime + used.ru_stime + seconds) + 1
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, most))


def _limit(which: int, wanted: int) -> None:
    """Never above what the process already had to keep to."""
    _, most = resource.getrlimit(which)
    value = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(which, (value, value))


def _be_silent() -> None:
    """Libraries complain about broken files in the files' own words, and those belong in no log."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
