"""Files through all analyzers, in this process; libraries may warn here as little as they may in a worker."""

import time
import warnings
from collections.abc import Iterator

from cloud.analyzers.budget import Budget, Limits
from cloud.analyzers.evidence import Analyzer, Child, File, Finding, Sign
from cloud.inspection.examination import Examination
from cloud.inspection.verdicts import Findings
from cloud.inspection.worker import tools


def examine(content: bytes, limits: Limits | None = None) -> Findings:
    """What a worker would find."""
    reader, analyzers = tools()
    with warnings.catch_warnings(action="ignore"):
        return Examination(reader, analyzers, Budget(limits or Limits(), time.monotonic)).examine(content)


def seen(content: bytes, limits: Limits | None = None) -> set[str]:
    """The names of all evidence."""
    return {each.name for each in examine(content, limits).evidence}


def found_by(analyzer: Analyzer, content: bytes, name: str = "") -> list[Finding]:
    """What one analyzer says by itself; nothing where it doesn't want the file."""
    reader, _ = tools()
    file = File(content, reader.kind(content), name)
    with warnings.catch_warnings(action="ignore"):
        return list(analyzer.examine(file, Budget(Limits(), time.monotonic))) if analyzer.wants(file) else []


def signs(findings: list[Finding]) -> set[str]:
    """The names of the signs among them."""
    return {each.name for each in findings if isinstance(each, Sign)}


def children(findings: list[Finding]) -> Iterator[tuple[str, bytes]]:
    """The files among them."""
    return ((each.name, each.content) for each in findings if isinstance(each, Child))
