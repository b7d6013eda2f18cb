"""Where an archive's member wants to be written: anywhere but below its own folder is an attack. Pure."""

import re
from collections.abc import Iterator
from typing import Final

from cloud.analyzers.evidence import Sign
from cloud.analyzers.vocabulary import ARCHIVE_ABSOLUTE, ARCHIVE_DEVICE_NAME, ARCHIVE_TRAVERSAL

_ABSOLUTE: Final = re.compile(r"^(?:[\\/]|[A-Za-z]:)")
_DEVICE: Final = re.compile(r"(?i)^(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\..*)?$")


def signs_of_path(name: str) -> Iterator[Sign]:
    """What is wrong with the path that a member's name is."""
    if _ABSOLUTE.match(name):
        yield ARCHIVE_ABSOLUTE.inside(name)
    steps = [step.strip() for step in re.split(r"[\\/]", name)]
    if ".." in steps:
        yield ARCHIVE_TRAVERSAL.inside(name)
    if any(_DEVICE.match(step) for step in steps):
        yield ARCHIVE_DEVICE_NAME.inside(name)
