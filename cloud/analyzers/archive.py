"""Archives: every member a file of its own, whatever is odd about how it lies in there a sign.

    zip                     zip_members      stdlib, and the raw structure, since readers differ over it
    7z                      seven_zip        py7zr
    gzip, bzip2, xz         streams          stdlib, bounded
    tar, rar, cab, iso, …   other_archives   libarchive, where the system has it

Members are unpacked one at a time, in memory, within the budget. Nothing is ever written under a member's name.
"""

from collections.abc import Callable, Iterator
from typing import Final

from cloud.analyzers import kinds
from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import Child, File, Finding
from cloud.analyzers.kinds import RUNNING_EXTENSIONS, Category, extension
from cloud.analyzers.other_archives import other_members
from cloud.analyzers.seven_zip import seven_zip_members
from cloud.analyzers.streams import stream_content
from cloud.analyzers.vocabulary import ARCHIVE_LONE_PROGRAM
from cloud.analyzers.zip_members import zip_members

Unpack = Callable[[File, Budget], Iterator[Finding]]

_UNPACKERS: Final[dict[str, Unpack]] = {
    kinds.ZIP: zip_members,
    kinds.JAR: zip_members,
    kinds.APK: zip_members,
    "application/epub+zip": zip_members,
    kinds.SEVEN_ZIP: seven_zip_members,
    kinds.GZIP: stream_content,
    kinds.BZIP2: stream_content,
    kinds.XZ: stream_content,
}


class ArchiveAnalyzer:
    """Takes archives apart."""

    name = "archive"

    def wants(self, file: File) -> bool:
        return file.kind.media_type in _UNPACKERS or (
            file.kind.category in {Category.ARCHIVE, Category.OS_PACKAGE}
            and file.kind.media_type not in {kinds.TNEF, kinds.MSI}
        )

    def examine(self, file: File, budget: Budget) -> Iterator[Finding]:
        unpack = _UNPACKERS.get(file.kind.media_type, other_members)
        names: list[str] = []
        for finding in unpack(file, budget):
            if isinstance(finding, Child):
                names.append(finding.name)
            yield finding
        if file.kind.media_type not in {kinds.JAR, kinds.APK} and _is_lone_program(names):
            yield ARCHIVE_LONE_PROGRAM


def _is_lone_program(names: list[str]) -> bool:
    """One file that runs, alone or beside one that explains it: the usual parcel."""
    running = [name for name in names if extension(name) in RUNNING_EXTENSIONS]
    return len(running) == 1 and len(names) <= 2
