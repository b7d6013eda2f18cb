"""ZIP files with the same bytes each time, and the Office packages made of them (ECMA-376 Part 2)."""

import io
import zipfile
from collections.abc import Mapping
from typing import Final

_LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_CONTENT_TYPES: Final = "http://schemas.openxmlformats.org/package/2006/content-types"
_RELATIONSHIPS: Final = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEET: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_MICROSOFT: Final = "http://schemas.microsoft.com/office/2006/relationships"
_WORD_TYPE: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_MACRO_WORD_TYPE: Final = "application/vnd.ms-word.document.macroEnabled.main+xml"
_SHEET_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
_WORKSHEET_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"


def zip_of(members: Mapping[str, bytes]) -> bytes:
    """A deflated ZIP of these members."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name, _LONG_AGO)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return packed.getvalue()


def word_document(text: str, *, macros: bytes = b"", extra: Mapping[str, bytes] | None = None) -> bytes:
    """A .docx of one paragraph; with a VBA project, a .docm."""
    parts = {
        "[Content_Types].xml": _content_types(
            {"/word/document.xml": _MACRO_WORD_TYPE if macros else _WORD_TYPE}, with_macros=bool(macros)
        ),
        "_rels/.rels": relationships({"rId1": (f"{_OFFICE}/officeDocument", "word/document.xml")}),
        "word/document.xml": (
            f'{_HEAD}<w:document xmlns:w="{_WORD}"><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>'
        ).encode(),
    }
    if macros:
        project = {"rId1": (f"{_MICROSOFT}/vbaProject", "vbaProject.bin")}
        parts["word/_rels/document.xml.rels"] = relationships(project)
        parts["word/vbaProject.bin"] = macros
    return zip_of(parts | dict(extra or {}))


def workbook(cells: tuple[str, ...]) -> bytes:
    """An .xlsx of one sheet with these texts below each other."""
    rows = "".join(
        f'<row r="{row}"><c r="A{row}" t="inlineStr"><is><t>{text}</t></is></c></row>'
        for row, text in enumerate(cells, start=1)
    )
    return zip_of(
        {
            "[Content_Types].xml": _content_types(
                {"/xl/workbook.xml": _SHEET_TYPE, "/xl/worksheets/sheet1.xml": _WORKSHEET_TYPE}
            ),
            "_rels/.rels": relationships({"rId1": (f"{_OFFICE}/officeDocument", "xl/workbook.xml")}),
            "xl/workbook.xml": (
                f'{_HEAD}<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}">'
                '<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>'
            ).encode(),
            "xl/_rels/workbook.xml.rels": relationships({"rId1": (f"{_OFFICE}/worksheet", "worksheets/sheet1.xml")}),
            "xl/worksheets/sheet1.xml": (
                f'{_HEAD}<worksheet xmlns="{_SHEET}"><sheetData>{rows}</sheetData></worksheet>'
            ).encode(),
        }
    )


def relationships(targets: Mapping[str, tuple[str, str]], *, external: bool = False) -> bytes:
    """A .rels part: each id to its type and target."""
    mode = ' TargetMode="External"' if external else ""
    each = "".join(
        f'<Relationship Id="{id_}" Type="{kind}" Target="{target}"{mode}/>' for id_, (kind, target) in targets.items()
    )
    return f'{_HEAD}<Relationships xmlns="{_RELATIONSHIPS}">{each}</Relationships>'.encode()


def _content_types(parts: Mapping[str, str], *, with_macros: bool = False) -> bytes:
    defaults = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    if with_macros:
        defaults += '<Default Extension="bin" ContentType="application/vnd.ms-office.vbaProject"/>'
    overrides = "".join(f'<Override PartName="{name}" ContentType="{kind}"/>' for name, kind in parts.items())
    return f'{_HEAD}<Types xmlns="{_CONTENT_TYPES}">{defaults}{overrides}</Types>'.encode()
