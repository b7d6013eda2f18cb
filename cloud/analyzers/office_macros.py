"""Macros: VBA through olevba, which also names the words that attacks use, and Excel 4.0 sheets.

[MS-OVBA] 2.3.4 for projects; Excel 4.0 sheets in Open XML are parts below xl/macrosheets/.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import Child, Finding
from cloud.analyzers.office_container import ooxml_parts
from cloud.analyzers.vocabulary import (
    MACRO_ATTACK,
    MACRO_AUTO_EXEC,
    MACRO_HIDDEN,
    MACRO_PRESENT,
    MACRO_SUSPICIOUS,
    XLM_ATTACK,
    XLM_PRESENT,
)

_WEAK_WORDS: Final = frozenset(
    [
        "base64 strings",
        "hex strings",
        "chr",
        "chrw",
        "chrb",
        "xor",
        "strreverse",
        "open",
        "call",
        "lib",
        "vba obfuscated strings",
        "dridex strings",
        "xlm macro",
        "output",
        "print #",
        "write",
        "put",
        "binary",
        "systemdrive",
        "application.visible",
        "windows",
        "environ",
        "user",
        "user32",
    ]
)
"""Words of olevba's list that honest macros use as well; they count as obfuscation or not at all."""

_HIDING: Final = frozenset({"chr", "chrw", "chrb", "xor", "strreverse", "vba obfuscated strings", "dridex strings"})
_MANY_HIDING: Final = 3
_XLM_CALLS: Final = re.compile(rb"(?i)\b(?:EXEC|CALL|REGISTER|URLDownloadToFile|FOPEN|FWRITE|RUN|ALERT\(\"\w+\.dll)\b")
_XLM_AUTO: Final = re.compile(rb"(?i)(?:_xlnm\.)?auto_?(?:open|close|activate)")


def macros(content: bytes, budget: Budget) -> Iterator[Finding]:
    """What the document's macros can do, and their sources as files of their own."""
    from oletools import olevba  # noqa: PLC0415 - slow to import, and many files have no macros

    if content.startswith(b"PK"):
        yield from _xlm_in_ooxml(content, budget)
    try:
        parser = olevba.VBA_Parser("document", data=content, disable_pcode=True)
    except olevba.FileOpenError:
        return
    try:
        # What olevba can't place it takes for the source text of a macro.
        if parser.type != olevba.TYPE_TEXT:
            yield from _examine(parser, budget)
    finally:
        parser.close()


def _examine(parser: Any, budget: Budget) -> Iterator[Finding]:
    if parser.detect_vba_macros():
        yield MACRO_PRESENT
        yield from _signs_of(parser.analyze_macros() or [])
        for _, _, module, source in parser.extract_macros():
            budget.member()
            yield Child(str(module), _as_bytes(source))
    if parser.detect_xlm_macros():
        yield XLM_PRESENT
        if re.search(r"(?i)auto_?open|\b(?:EXEC|CALL|REGISTER)\b", "\n".join(parser.xlm_macros)):
            yield XLM_ATTACK


def _signs_of(results: list[tuple[str, str, str]]) -> Iterator[Finding]:
    starts = any(kind == "AutoExec" for kind, _, _ in results)
    words = {keyword.lower() for kind, keyword, _ in results if kind == "Suspicious"}
    strong = words - _WEAK_WORDS
    if starts:
        yield MACRO_AUTO_EXEC
    if strong:
        yield MACRO_SUSPICIOUS
    if starts and strong:
        yield MACRO_ATTACK
    if len(words & _HIDING) >= _MANY_HIDING:
        yield MACRO_HIDDEN


def _xlm_in_ooxml(content: bytes, budget: Budget) -> Iterator[Finding]:
    sheets = [part for name, part in ooxml_parts(content, budget, ".xml", ".bin") if "macrosheets/" in name.lower()]
    if not sheets:
        return
    yield XLM_PRESENT
    workbooks = [part for _, part in ooxml_parts(content, budget, "workbook.xml")]
    if any(_XLM_AUTO.search(book) for book in workbooks) and any(_XLM_CALLS.search(sheet) for sheet in sheets):
        yield XLM_ATTACK


def _as_bytes(source: str | bytes) -> bytes:
    """The text of a macro. What olevba lists of Excel 4.0 macros has NULs in it, and is a text nevertheless."""
    return source if isinstance(source, bytes) else source.replace("\0", "").encode("utf-8", "replace")
