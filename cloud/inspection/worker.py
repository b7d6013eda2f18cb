"""Inside a worker: the tools are made once, then file after file is read, examined and forgotten.

The heavy libraries are imported here, and only here: the service itself never loads them.
"""

import hashlib
import time
from functools import cache
from pathlib import Path

from cloud.analyzers.budget import Budget, Limits
from cloud.analyzers.evidence import Analyzer
from cloud.inspection.confinement import WorkerLimits, allow_processor_time, confine
from cloud.inspection.examination import Examination, Reader
from cloud.inspection.verdicts import Digest, Findings


class NotTheFile(Exception):
    """What was read is not what was to be examined."""


def boot(limits: WorkerLimits) -> None:
    """Before the first file: imports, limits, and one examination that makes every tool ready."""
    tools()
    confine(limits)
    _examine(b"ready\n", Limits())


def examine(place: str, sha256: Digest, seconds: float, limits: Limits) -> Findings:
    """Examine the file in that place, a sealed memory file of the service."""
    allow_processor_time(seconds)
    content = Path(place).read_bytes()
    if hashlib.sha256(content).digest() != sha256:
        raise NotTheFile
    return _examine(content, limits)


def _examine(content: bytes, limits: Limits) -> Findings:
    reader, analyzers = tools()
    return Examination(reader, analyzers, Budget(limits, time.monotonic)).examine(content)


@cache
def tools() -> tuple[Reader, tuple[Analyzer, ...]]:
    """What tells kinds, and all analyzers, in the order in which they look: cheap and certain ones first."""
    # ruff: noqa: PLC0415 - the imports are the expensive part, and belong to this process alone
    from cloud.analyzers.archive import ArchiveAnalyzer
    from cloud.analyzers.file_type import TypeAnalyzer, TypeReader
    from cloud.analyzers.html_page import HtmlAnalyzer
    from cloud.analyzers.mail import MailAnalyzer
    from cloud.analyzers.names import NameAnalyzer
    from cloud.analyzers.office import OfficeAnalyzer
    from cloud.analyzers.pdf import PdfAnalyzer
    from cloud.analyzers.program import ProgramAnalyzer
    from cloud.analyzers.rtf import RtfAnalyzer
    from cloud.analyzers.score_file import ScoreFileAnalyzer
    from cloud.analyzers.script import ScriptAnalyzer
    from cloud.analyzers.shortcut import ShortcutAnalyzer
    from cloud.analyzers.signatures import SignatureAnalyzer
    from cloud.analyzers.xml_entities import XmlAnalyzer

    return TypeReader(), (
        NameAnalyzer(),
        TypeAnalyzer(),
        ScoreFileAnalyzer(),
        SignatureAnalyzer(),
        ProgramAnalyzer(),
        ScriptAnalyzer(),
        ShortcutAnalyzer(),
        HtmlAnalyzer(),
        XmlAnalyzer(),
        RtfAnalyzer(),
        PdfAnalyzer(),
        OfficeAnalyzer(),
        MailAnalyzer(),
        ArchiveAnalyzer(),
    )
