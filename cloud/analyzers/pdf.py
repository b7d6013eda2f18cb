"""PDF: script, actions that start by themselves, embedded files, encryption. pikepdf (qpdf) reads and mends as readers do.

ISO 32000-1: 12.6 actions, 7.11.4 embedded files, 7.6 encryption.
"""

import io
import re
from collections.abc import Iterator
from typing import Any, Final

import pikepdf

from cloud.analyzers import kinds
from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import Child, File, Finding, Sign
from cloud.analyzers.vocabulary import (
    DAMAGED,
    PDF_EMBEDDED,
    PDF_ENCRYPTED,
    PDF_HIDDEN_SCRIPT,
    PDF_LAUNCH,
    PDF_OPEN_SCRIPT,
    PDF_REMOTE,
    PDF_RICH_MEDIA,
    PDF_SCRIPT,
)

_SCRIPT_LIMIT: Final = 1024 * 1024
_HIDING: Final = re.compile(
    r"unescape\s*\(|String\.fromCharCode|eval\s*\(|util\.printd.{0,80}eval|(?:%u[0-9a-fA-F]{4}){8}"
    r"|app\.setTimeOut\s*\(\s*\w+\s*\(|this\.exportDataObject\s*\(\s*\{[^}]*nLaunch\s*:\s*2",
    re.DOTALL,
)
_BY_ACTION: Final = {
    "/Launch": PDF_LAUNCH,
    "/GoToR": PDF_REMOTE,
    "/GoToE": PDF_REMOTE,
    "/SubmitForm": PDF_REMOTE,
    "/ImportData": PDF_REMOTE,
}


class PdfAnalyzer:
    """Looks through every object of a document."""

    name = "pdf"

    def wants(self, file: File) -> bool:
        return file.kind.media_type == kinds.PDF

    def examine(self, file: File, budget: Budget) -> Iterator[Finding]:
        try:
            document = pikepdf.open(io.BytesIO(file.content), suppress_warnings=True, inherit_page_attributes=False)
        except pikepdf.PasswordError:
            yield PDF_ENCRYPTED
            return
        except (pikepdf.PdfError, ValueError):
            yield DAMAGED
            return
        with document:
            yield from _examine(document, budget)


def _examine(document: pikepdf.Pdf, budget: Budget) -> Iterator[Finding]:
    opens_with_script = _opens_with_script(document.Root)
    for found in document.objects:
        budget.check_time()
        if isinstance(found, pikepdf.Dictionary | pikepdf.Stream):
            yield from _signs_of(found)
            yield from _embedded_file(found, budget)
    if opens_with_script:
        yield PDF_OPEN_SCRIPT


def _signs_of(found: Any) -> Iterator[Sign]:
    for script in _scripts(found):
        yield PDF_SCRIPT
        if _HIDING.search(script):
            yield PDF_HIDDEN_SCRIPT
    for action in _actions(found):
        sign = _BY_ACTION.get(_name(action.get("/S")))
        if sign:
            yield sign
    if _name(found.get("/Subtype")) in {"/RichMedia", "/3D", "/Screen"}:
        yield PDF_RICH_MEDIA


def _scripts(found: Any) -> Iterator[str]:
    """Scripts of this object, and of dictionaries that stand in it."""
    for holder in (found, *_actions(found)):
        script = holder.get("/JS")
        if script is not None:
            yield _text(script)


def _actions(found: Any) -> Iterator[Any]:
    """The action dictionaries that stand directly in this one, /AA one level deeper; all others are objects themselves."""
    yield found
    for key in ("/A", "/OpenAction", "/Next", "/AA"):
        held = found.get(key)
        if isinstance(held, pikepdf.Dictionary) and not held.is_indirect:
            yield held
            yield from (each for each in held.values() if isinstance(each, pikepdf.Dictionary) and not each.is_indirect)


def _opens_with_script(root: Any) -> bool:
    action = root.get("/OpenAction")
    opening = isinstance(action, pikepdf.Dictionary) and _name(action.get("/S")) == "/JavaScript"
    names = root.get("/Names")
    return opening or (isinstance(names, pikepdf.Dictionary) and "/JavaScript" in names)


def _embedded_file(found: Any, budget: Budget) -> Iterator[Finding]:
    """A file specification with its content (/EF)."""
    held = found.get("/EF")
    if not isinstance(held, pikepdf.Dictionary):
        return
    name = str(found.get("/UF", found.get("/F", "")))
    content = held.get("/UF", held.get("/F"))
    if isinstance(content, pikepdf.Stream):
        budget.member()
        unpacked = bytes(content.read_bytes())
        budget.unpacked(len(unpacked))
        yield PDF_EMBEDDED.inside(name)
        yield Child(name, unpacked)


def _text(script: Any) -> str:
    raw = script.read_bytes()[:_SCRIPT_LIMIT] if isinstance(script, pikepdf.Stream) else bytes(script)[:_SCRIPT_LIMIT]
    if raw.startswith(b"\xfe\xff"):
        return raw[2:].decode("utf-16-be", "replace")
    return raw.decode("latin-1")


def _name(value: Any) -> str:
    return str(value) if isinstance(value, pikepdf.Name) else ""
