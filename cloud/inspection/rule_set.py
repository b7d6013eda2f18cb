"""The name of the rule set in force: a digest over everything that a verdict depends on.

Rules, the source of all analyzers, the scoring, the versions of the libraries and the limits: where one of them changes, so
does the name, and old verdicts are no answer any more. Nobody has to remember to raise a version.
"""

import hashlib
from collections.abc import Iterator
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from typing import Final

from cloud.analyzers.budget import Limits
from cloud.inspection.verdicts import RuleSet

_LIBRARIES: Final = (
    "libarchive-c",
    "LnkParse3",
    "msoffcrypto-tool",
    "oletools",
    "pefile",
    "pikepdf",
    "py7zr",
    "pylibmagic",
    "python-magic",
    "yara-x",
)
_SHARED_SOURCES: Final = ("examination.py", "score.py", "verdicts.py", "worker.py")
_SHOWN: Final = 16
"""Hexadecimal digits of the digest that make the name."""


def rule_set(limits: Limits) -> RuleSet:
    """The same on every replica that runs the same code with the same libraries and limits."""
    digest = hashlib.sha256()
    for part in _parts(limits):
        digest.update(len(part).to_bytes(8, "big") + part)
    return RuleSet(f"rules-{digest.hexdigest()[:_SHOWN]}")


def _parts(limits: Limits) -> Iterator[bytes]:
    yield repr(limits).encode()
    for library in _LIBRARIES:
        yield f"{library} {metadata.version(library)}".encode()
    yield from _sources(resources.files("cloud.analyzers"))
    inspection = resources.files("cloud.inspection")
    yield from (inspection.joinpath(name).read_bytes() for name in _SHARED_SOURCES)


def _sources(folder: Traversable) -> Iterator[bytes]:
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _sources(entry)
        elif entry.name.endswith((".py", ".yar")):
            yield entry.name.encode()
            yield entry.read_bytes()
