"""Documents that are clean, and documents that look bad and do nothing."""

import struct
import zlib
from typing import Final

from lab.traffic.samples.packages import relationships, word_document, workbook
from lab.traffic.samples.sample import Expected, Sample
from lab.traffic.samples.vba_project import vba_project

DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DOCM: Final = "application/vnd.ms-word.document.macroEnabled.12"

_MACRO: Final = """\
Sub AutoOpen()
    ' A sample: it starts by itself and names what attacks use. It calls none of it.
    Dim words As String
    words = "WScript.Shell, CreateObject, powershell, URLDownloadToFile"
    MsgBox "This macro is harmless. It only names: " & words
End Sub
"""
_QUIET_MACRO: Final = """\
Sub Greet()
    MsgBox "Good morning"
End Sub
"""


def clean_pdf() -> Sample:
    """One page with one line of text."""
    return Sample("clean-pdf", "report.pdf", "application/pdf", pdf("The quarterly report."), Expected.CLEAN)


def scripted_pdf() -> Sample:
    """A page whose script shows a message when the document is opened."""
    action = "/OpenAction << /S /JavaScript /JS (app.alert\\('A harmless sample.'\\);) >>"
    return Sample("scripted-pdf", "form.pdf", "application/pdf", pdf("A form.", action), Expected.SUSPICIOUS)


def launching_pdf() -> Sample:
    """A page that asks to start a program which doesn't exist."""
    action = "/OpenAction << /S /Launch /F (no-such-program.exe) >>"
    return Sample("launching-pdf", "order.pdf", "application/pdf", pdf("An order.", action), Expected.MALICIOUS)


def clean_docx() -> Sample:
    """One paragraph."""
    return Sample("clean-docx", "minutes.docx", DOCX, word_document("The minutes of the meeting."), Expected.CLEAN)


def clean_xlsx() -> Sample:
    """One sheet."""
    return Sample("clean-xlsx", "figures.xlsx", XLSX, workbook(("Quarter", "Q1", "Q2")), Expected.CLEAN)


def macro_document() -> Sample:
    """Macros that start by themselves and name what attacks use."""
    content = word_document("Please enable content.", macros=vba_project({"Module1": _MACRO}))
    return Sample("macro-docm", "invoice.docm", DOCM, content, Expected.MALICIOUS)


def quiet_macro_document() -> Sample:
    """A macro that somebody has to start."""
    content = word_document("A letter.", macros=vba_project({"Module1": _QUIET_MACRO}))
    return Sample("quiet-macro-docm", "letter.docm", DOCM, content, Expected.CLEAN)


def external_template_document() -> Sample:
    """A document that wants its template from a server that doesn't exist."""
    template = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/attachedTemplate"
    targets = {"rId1": (template, "https://templates.invalid/letter.dotm")}
    extra = {"word/_rels/settings.xml.rels": relationships(targets, external=True)}
    content = word_document("A letter.", extra=extra)
    return Sample("template-docx", "letter.docx", DOCX, content, Expected.MALICIOUS)


def image() -> Sample:
    """One grey pixel."""
    return Sample("image-png", "logo.png", "image/png", png(), Expected.CLEAN)


def pdf(text: str, catalogue_extra: str = "") -> bytes:
    """A page with one line, its cross-reference table as it should be (ISO 32000-1, 7.5)."""
    drawn = f"BT /F1 24 Tf 72 720 Td ({text}) Tj ET"
    objects = (
        f"<< /Type /Catalog /Pages 2 0 R {catalogue_extra} >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    body = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return body + end.encode("latin-1")


def png() -> bytes:
    """A PNG of one pixel (RFC 2083)."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\x00\x80")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(kind, content) for kind, content in chunks)


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
