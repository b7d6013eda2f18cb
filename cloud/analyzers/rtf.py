"""Rich text: objects in it, and the tricks that hide them. oletools' rtfobj takes apart what Word would."""

import re
from collections.abc import Iterator
from typing import Any, Final

from cloud.analyzers import kinds
from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import Child, File, Finding
from cloud.analyzers.kinds import RUNNING_EXTENSIONS, extension
from cloud.analyzers.vocabulary import (
    DDE,
    EMBEDDED_PROGRAM,
    EXTERNAL_TEMPLATE,
    RTF_AUTO_UPDATE,
    RTF_EQUATION,
    RTF_OBJECT,
    RTF_ODD_HEADER,
)

_TEMPLATE: Final = re.compile(rb"(?i)\\\*\s*\\template\s+(?:https?|\\\\\\\\|file|\\u)")
_DDE: Final = re.compile(rb"(?i)\\fldinst\b[^}]{0,200}\bDDE(?:AUTO)?\b")


class RtfAnalyzer:
    """Looks into .rtf, under whatever name: Word opens it as .doc all the same."""

    name = "rtf"

    def wants(self, file: File) -> bool:
        return file.kind.media_type == kinds.RTF

    def examine(self, file: File, budget: Budget) -> Iterator[Finding]:
        if not file.content.startswith(b"{\\rtf1"):
            yield RTF_ODD_HEADER
        if b"\\objupdate" in file.content:
            yield RTF_AUTO_UPDATE
        if _TEMPLATE.search(file.content):
            yield EXTERNAL_TEMPLATE
        if _DDE.search(file.content):
            yield DDE
        yield from _objects(file.content, budget)


def _objects(content: bytes, budget: Budget) -> Iterator[Finding]:
    from oletools.rtfobj import RtfObjParser  # noqa: PLC0415 - slow to import, and few mails carry RTF

    parser = RtfObjParser(content)
    parser.parse()
    for found in parser.objects:
        budget.member()
        yield RTF_OBJECT
        yield from _examine(found, budget)


def _examine(found: Any, budget: Budget) -> Iterator[Finding]:
    if found.is_ole and b"equation" in bytes(found.class_name or b"").lower():
        yield RTF_EQUATION
    if found.is_package and found.olepkgdata:
        name = str(found.filename or "")
        budget.unpacked(len(found.olepkgdata))
        if extension(name) in RUNNING_EXTENSIONS:
            yield EMBEDDED_PROGRAM.inside(name)
        yield Child(name, bytes(found.olepkgdata))
    elif found.is_ole and found.oledata:
        budget.unpacked(len(found.oledata))
        yield Child("object.bin", bytes(found.oledata))
