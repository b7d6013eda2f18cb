"""The allocator's thresholds and the collector's work, set for a process that moves chunks of 64 to 256 KiB all day.

glibc gives such chunks back to the kernel at each free, and every new one page-faults. With these thresholds the same code
takes half the processor time per gigabyte (measured: 4.65 → 2.38 s at 1 MB a mail); the price is memory that stays with the
process after a peak. Source: mallopt(3).
"""

import ctypes
import gc
from typing import Final

_TRIM_THRESHOLD: Final = (-1, 256 * 1024 * 1024)
_TOP_PAD: Final = (-2, 16 * 1024 * 1024)
_MMAP_THRESHOLD: Final = (-3, 32 * 1024 * 1024)
_ALLOCATIONS: Final = 10_000
"""More objects made than freed between two collections; Python's own 700 is one mail."""


def keep_freed_chunks() -> bool:
    """Set the thresholds of this process; False where the C library is not glibc."""
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return all(mallopt(name, value) == 1 for name, value in (_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD))


def collect_rarely() -> None:
    """Keep all that the start has made out of later garbage collections: it stays, and is some hundred thousand objects.

    And collect less often: a session leaves a few hundred small objects in cycles, none of which holds a message's bytes.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)
