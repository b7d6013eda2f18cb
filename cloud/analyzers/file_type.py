"""What a file is, by its content: signatures that libmagic misses or mixes up, then libmagic, then a look at the words of texts.

The name counts for nothing here. That a member's name says otherwise is a sign of its own.
"""

import struct
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final

from cloud.analyzers import kinds
from cloud.analyzers.budget import Budget
from cloud.analyzers.cms import cms_media_type
from cloud.analyzers.evidence import File, Finding
from cloud.analyzers.kinds import HARMLESS_EXTENSIONS, Category, Kind, extension, kind_of
from cloud.analyzers.office_container import ole_media_type
from cloud.analyzers.script_language import language_of
from cloud.analyzers.vocabulary import CONTRADICTS_NAME, DISGUISED, NOT_TAKEN_APART, TYPE_UNKNOWN

_HEAD: Final = 4096
_SIGNATURES: Final = (
    (b"\x7fELF", kinds.ELF),
    (b"\x4c\x00\x00\x00\x01\x14\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46", kinds.SHORTCUT),
    (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", kinds.ONENOTE),
    (b"ITSF\x03\x00\x00\x00", kinds.CHM),
    (b"7z\xbc\xaf\x27\x1c", kinds.SEVEN_ZIP),
    (b"Rar!\x1a\x07", kinds.RAR),
    (b"MSCF\x00\x00\x00\x00", kinds.CAB),
    (b"\x1f\x8b\x08", kinds.GZIP),
    (b"BZh", kinds.BZIP2),
    (b"\xfd7zXZ\x00", kinds.XZ),
    (b"\x78\x9f\x3e\x22", kinds.TNEF),
    (b"{\\rt", kinds.RTF),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\xfe\xed\xfa\xce", kinds.MACH_O),
    (b"\xfe\xed\xfa\xcf", kinds.MACH_O),
    (b"\xce\xfa\xed\xfe", kinds.MACH_O),
    (b"\xcf\xfa\xed\xfe", kinds.MACH_O),
)
_OLE_MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP_MAGICS: Final = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_PDF_WITHIN: Final = 1024
"""Readers take a PDF whose header comes this late (PDF 32000-1, annex H, implementation note 13)."""


class TypeReader:
    """Tells what files are. Loads libmagic's data once, when the first file needs it."""

    def kind(self, content: bytes) -> Kind:
        """The kind of this content; Kind() where nothing knows it."""
        if not content:
            return kind_of(kinds.EMPTY)
        media_type = _by_signature(content) or self._by_libmagic(content)
        if media_type in {"text/plain", "application/octet-stream", "text/html", "text/xml", "application/javascript"}:
            media_type = language_of(content) or media_type
        return kind_of(media_type)

    def _by_libmagic(self, content: bytes) -> str:
        media_type: str = self._magic.from_buffer(content[: 1 << 20])
        if media_type == "application/octet-stream" and _is_ascii_text(content):
            return "text/plain"  # libmagic tells nothing about a single character
        return _BETTER_NAMES.get(media_type, media_type)

    @cached_property
    def _magic(self) -> Any:
        import pylibmagic  # noqa: F401, PLC0415 - points python-magic to the wheel's library, so it comes first

        # isort: split
        import magic  # noqa: PLC0415 - only workers pay for it

        return magic.Magic(mime=True)


_BETTER_NAMES: Final = {
    "application/x-dosexec": kinds.PE,
    "application/x-executable": kinds.ELF,
    "application/x-rar": kinds.RAR,
    "application/encrypted": kinds.ENCRYPTED_OFFICE,
    "application/x-setupscript": "application/x-wine-extension-ini",
    # libmagic takes very little for these.
    "image/x-tga": "application/octet-stream",
    "application/x-dbf": "application/octet-stream",
}


def _is_ascii_text(content: bytes) -> bool:
    return content.isascii() and all(character.isprintable() or character.isspace() for character in content.decode())


def _by_signature(content: bytes) -> str:
    head = content[:_HEAD]
    for signature, media_type in _SIGNATURES:
        if head.startswith(signature):
            return media_type
    for magics, tell in _FAMILIES:
        if head.startswith(magics):
            return tell(content)
    return kinds.PDF if b"%PDF-" in head[:_PDF_WITHIN] else cms_media_type(content)


def _dos_media_type(content: bytes) -> str:
    """A PE header makes it a Windows program; what merely begins with MZ may be a DOS program, or text."""
    offset = struct.unpack_from("<I", content, 0x3C)[0] if len(content) >= 64 else len(content)
    if content[offset : offset + 4] == b"PE\0\0":
        return kinds.PE
    return "" if content[:512].isascii() and b"\0" not in content[:512] else "application/x-dosexec"


def _cafebabe_media_type(content: bytes) -> str:
    """Java class files and Mach-O universal binaries share their magic; no class file has so low a version."""
    return kinds.MACH_O if int.from_bytes(content[4:8], "big") < 40 else kinds.JAVA_CLASS


def _zip_media_type(content: bytes) -> str:
    """By names that stand in the package's headers, which are never compressed; libmagic looks at the first members only."""
    if b"[Content_Types].xml" in content:
        for folder, media_type in kinds.OOXML.items():
            if folder.encode() in content:
                return media_type
    if b"AndroidManifest.xml" in content and b"classes.dex" in content:
        return kinds.APK
    if b"META-INF/MANIFEST.MF" in content and b".class" in content:
        return kinds.JAR
    if content[30:38] == b"mimetype":
        declared = content[38:138].split(b"PK", 1)[0]
        return declared.decode("ascii", "replace") if declared.startswith(b"application/") else kinds.ZIP
    return kinds.ZIP


_FAMILIES: Final = (
    ((_OLE_MAGIC,), ole_media_type),
    (_ZIP_MAGICS, _zip_media_type),
    ((b"MZ",), _dos_media_type),
    ((b"\xca\xfe\xba\xbe",), _cafebabe_media_type),
)
"""Magics that several kinds of files share, and who tells them apart."""


_CLOSED: Final = frozenset({kinds.TNEF, kinds.PGP_ENCRYPTED, kinds.CMS})
"""Kinds that hold other files, and that no analyzer opens."""


class TypeAnalyzer:
    """Files that nobody here can look into, and members that are not what their names say."""

    name = "type"

    def wants(self, file: File) -> bool:
        return bool(file.name) or not file.kind.media_type or file.kind.media_type in _CLOSED

    def examine(self, file: File, budget: Budget) -> Iterator[Finding]:  # noqa: ARG002 - nothing here grows with the file
        if not file.kind.media_type:
            yield TYPE_UNKNOWN
            return
        if file.kind.media_type in _CLOSED:
            yield NOT_TAKEN_APART
        yield from _contradictions(file)


def _contradictions(file: File) -> Iterator[Finding]:
    ending = extension(file.name)
    if ending not in HARMLESS_EXTENSIONS:
        return
    if file.kind.runs and not (ending in {".htm", ".html"} and file.kind.category is Category.SCRIPT):
        yield DISGUISED
    elif not _agrees(ending, file.kind):
        yield CONTRADICTS_NAME


_EXPECTED: Final = {
    ".pdf": ("application/pdf",),
    ".png": ("image/",),
    ".jpg": ("image/",),
    ".jpeg": ("image/",),
    ".gif": ("image/",),
    ".zip": ("application/zip", "application/x-empty"),
    ".mp3": ("audio/",),
    ".wav": ("audio/",),
}


def _agrees(ending: str, kind: Kind) -> bool:
    """Only where a name leaves no doubt: an .xls of HTML or text is everyday, a .png of anything but an image isn't."""
    return ending not in _EXPECTED or kind.media_type.startswith((*_EXPECTED[ending], kinds.EMPTY))
