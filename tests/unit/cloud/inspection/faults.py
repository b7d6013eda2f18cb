"""Tasks for workers that go wrong, by what the file says."""

import ctypes
import os
from pathlib import Path

from cloud.analyzers.budget import Limits
from cloud.analyzers.evidence import Evidence
from cloud.analyzers.kinds import Kind
from cloud.inspection import worker
from cloud.inspection.verdicts import Digest, Findings


def examine(place: str, sha256: Digest, seconds: float, limits: Limits) -> Findings:
    """As worker.examine(), but for files that ask for a fault."""
    fault, _, argument = Path(place).read_bytes().partition(b" ")
    match fault:
        case b"CRASH":
            ctypes.string_at(0)
        case b"HANG":
            while True:
                pass
        case b"TELL":
            # Says through a pipe that it is at work, and never ends.
            Path(argument.decode()).write_bytes(b"at work")
            while True:
                pass
        case b"MEMORY":
            return _said("refused" if _is_refused(8 << 30) else "given")
        case b"WRITE":
            return _said("refused" if _is_write_refused() else "written")
        case b"PID":
            return _said(str(os.getpid()))
        case _:
            return worker.examine(place, sha256, seconds, limits)
    raise AssertionError


def _said(detail: str) -> Findings:
    return Findings(Kind(), (Evidence("fault", "fault.said", 0, detail),))


def _is_refused(size: int) -> bool:
    try:
        bytearray(size)
    except MemoryError:
        return True
    return False


def _is_write_refused() -> bool:
    """A worker's disk is shut: nothing of a file can be left behind."""
    try:
        descriptor = os.memfd_create("scratch")
        os.write(descriptor, b"x")
    except OSError:
        return True
    return False
