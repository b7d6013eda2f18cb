"""Office documents: macros, fields that call programs, what is fetched from elsewhere, what lies inside, encryption.

macros        office_macros       VBA and Excel 4.0
links         office_links        DDE, external templates and objects
objects       office_objects      embedded files, attachments of Outlook messages
encryption    here                a document that needs a password is not looked into
"""

import io
from collections.abc import Iterator
from typing import Final

import msoffcrypto

from cloud.analyzers import kinds
from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import Child, File, Finding
from cloud.analyzers.office_links import links_in_ooxml, links_in_text
from cloud.analyzers.office_macros import macros
from cloud.analyzers.office_objects import objects_in_ole, objects_in_ooxml
from cloud.analyzers.vocabulary import DAMAGED, OFFICE_ENCRYPTED, OFFICE_KNOWN_PASSWORD

_OLE_MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP_MAGIC: Final = b"PK"
_DEFAULT_PASSWORD: Final = "VelvetSweatshop"  # noqa: S105 - Excel tries it without asking: everybody's password
_PASSWORD_TYPES: Final = frozenset(
    {kinds.ENCRYPTED_OFFICE, "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"}
)
_OFFICE_XML: Final = (
    b"schemas.microsoft.com/office/word/2003/wordml",
    b"schemas.microsoft.com/office/2006/xmlPackage",
    b"urn:schemas-microsoft-com:office:spreadsheet",
)


class OfficeAnalyzer:
    """Everything that Word, Excel, PowerPoint, Visio and Outlook write."""

    name = "office"

    def wants(self, file: File) -> bool:
        return (
            (file.content.startswith(_OLE_MAGIC) and file.kind.media_type != kinds.MSI)
            or file.kind.media_type in kinds.OOXML.values()
            or _is_text_of_office(file)
        )

    def examine(self, file: File, budget: Budget) -> Iterator[Finding]:
        if file.content.startswith(_OLE_MAGIC):
            yield from self._examine_ole(file, budget)
        elif file.content.startswith(_ZIP_MAGIC):
            yield from links_in_ooxml(file.content, budget)
            yield from objects_in_ooxml(file.content, budget)
            yield from macros(file.content, budget)
        else:
            yield from links_in_text(file.content)
            if any(marker in file.content for marker in _OFFICE_XML):
                yield from macros(file.content, budget)

    def _examine_ole(self, file: File, budget: Budget) -> Iterator[Finding]:
        if file.kind.media_type in _PASSWORD_TYPES and _is_encrypted(file.content):
            yield from _try_default_password(file, budget)
            return
        yield from objects_in_ole(file.content, budget)
        yield from macros(file.content, budget)


def _is_text_of_office(file: File) -> bool:
    """XML of Office 2003, and lists that Excel opens: both can call programs."""
    if not file.kind.is_text and file.kind.media_type not in {"text/xml", "application/xml"}:
        return False
    head = file.content[:8192]
    return any(marker in head for marker in _OFFICE_XML) or head[:1] in b'=+-@"' or b"|" in head


def _is_encrypted(content: bytes) -> bool:
    return bool(msoffcrypto.OfficeFile(io.BytesIO(content)).is_encrypted())


def _try_default_password(file: File, budget: Budget) -> Iterator[Finding]:
    opened = io.BytesIO()
    try:
        document = msoffcrypto.OfficeFile(io.BytesIO(file.content))
        document.load_key(password=_DEFAULT_PASSWORD)
        document.decrypt(opened)
    except (msoffcrypto.exceptions.DecryptionError, msoffcrypto.exceptions.InvalidKeyError):
        yield OFFICE_ENCRYPTED
        return
    except msoffcrypto.exceptions.FileFormatError:
        yield DAMAGED
        return
    budget.unpacked(len(opened.getbuffer()))
    yield OFFICE_KNOWN_PASSWORD
    yield Child(file.name, opened.getvalue())
