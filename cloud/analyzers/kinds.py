"""Kinds of files: a media type, and the file inspection category that it falls in.

The categories are the vendor's (File Inspection Profiles Overview); which type falls in which is ours where the vendor
gives no list. PDF holds mail files too: that is the vendor's own grouping.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final


class Category(StrEnum):
    """The vendor's file categories; UNKNOWN is the absence of one."""

    ARCHIVE = "archive"
    CONFIGURATION = "configuration"
    DOCUMENT = "document"
    ELF = "elf"
    EXECUTABLE = "executable"
    JAVA = "java"
    LIBRARY = "library"
    MOBILE = "mobile"
    OS_PACKAGE = "os-package"
    PDF = "pdf"
    RICH_APPLICATION = "rich-application"
    SCRIPT = "script"
    UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file is by its content. `media_type` is empty where it could not be told."""

    media_type: str = ""
    category: Category = Category.UNKNOWN

    @property
    def is_text(self) -> bool:
        """Whether a person could read it in an editor."""
        return self.media_type.startswith("text/") or self.media_type in _TEXT_TYPES

    @property
    def runs(self) -> bool:
        """Whether opening it runs it."""
        return self.category in _RUNNING


_RUNNING: Final = frozenset(
    {Category.EXECUTABLE, Category.LIBRARY, Category.ELF, Category.JAVA, Category.SCRIPT, Category.MOBILE}
)
_TEXT_TYPES: Final = frozenset({"application/json", "application/javascript", "image/svg+xml", "message/rfc822"})

EMPTY: Final = "application/x-empty"
PE: Final = "application/vnd.microsoft.portable-executable"
ELF: Final = "application/x-elf"
MACH_O: Final = "application/x-mach-binary"
JAR: Final = "application/java-archive"
JAVA_CLASS: Final = "application/java-vm"
APK: Final = "application/vnd.android.package-archive"
SHORTCUT: Final = "application/x-ms-shortcut"
INTERNET_SHORTCUT: Final = "application/x-mswinurl"
MSI: Final = "application/x-msi"
CHM: Final = "application/vnd.ms-htmlhelp"
ONENOTE: Final = "application/onenote"
RTF: Final = "text/rtf"
PDF: Final = "application/pdf"
HTML: Final = "text/html"
HTA: Final = "application/hta"
MAIL: Final = "message/rfc822"
OUTLOOK: Final = "application/vnd.ms-outlook"
TNEF: Final = "application/vnd.ms-tnef"
PGP_ENCRYPTED: Final = "application/pgp-encrypted"
CMS: Final = "application/pkcs7-mime"
CMS_SIGNATURE: Final = "application/pkcs7-signature"
OLE: Final = "application/x-ole-storage"
ENCRYPTED_OFFICE: Final = "application/x-encrypted-office"
ZIP: Final = "application/zip"
SEVEN_ZIP: Final = "application/x-7z-compressed"
RAR: Final = "application/vnd.rar"
CAB: Final = "application/vnd.ms-cab-compressed"
ISO: Final = "application/x-iso9660-image"
GZIP: Final = "application/gzip"
BZIP2: Final = "application/x-bzip2"
XZ: Final = "application/x-xz"
TAR: Final = "application/x-tar"
JAVASCRIPT: Final = "text/javascript"
VBSCRIPT: Final = "text/vbscript"
POWERSHELL: Final = "text/x-powershell"
BATCH: Final = "text/x-msdos-batch"
SCRIPT_FILE: Final = "text/x-wsf"

OOXML: Final = {
    "word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt/": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "visio/": "application/vnd.ms-visio.drawing",
}
"""The folder that tells an Office Open XML package's kind (ECMA-376 Part 1)."""

_CATEGORIES: Final = {
    Category.ARCHIVE: (
        ZIP, SEVEN_ZIP, RAR, CAB, ISO, GZIP, BZIP2, XZ, TAR, "application/x-rar", "application/x-lha",
        "application/x-lzip", "application/zstd", "application/x-lz4", "application/x-cpio", "application/x-arj",
        "application/x-ace", "application/x-compress", "application/x-archive", "application/x-udf-image", TNEF,
        "application/x-virtualbox-vhd", "application/x-lzma",
    ),
    Category.CONFIGURATION: (
        "application/x-wine-extension-ini", "application/x-setupscript", "text/xml", "application/xml",
        "application/json", "text/x-registry", INTERNET_SHORTCUT, "application/x-ndjson",
    ),
    Category.DOCUMENT: (
        *OOXML.values(), "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint", OLE,
        "application/vnd.ms-office", "application/cdfv2", ENCRYPTED_OFFICE, RTF, ONENOTE, CHM, "text/plain", "text/csv",
        "application/epub+zip", "application/postscript", "application/vnd.visio",
    ),
    Category.EXECUTABLE: (PE, MACH_O, SHORTCUT, "application/x-dosexec", "application/x-ms-ne-executable"),
    Category.ELF: (ELF, "application/x-sharedlib", "application/x-pie-executable", "application/x-coredump"),
    Category.JAVA: (JAR, JAVA_CLASS, "application/x-java-applet", "application/x-java-jnlp-file"),
    Category.MOBILE: (APK, "application/x-ios-app"),
    Category.OS_PACKAGE: (
        MSI, "application/vnd.debian.binary-package", "application/x-rpm", "application/x-debian-package",
        "application/x-apple-diskimage", "application/x-xar",
    ),
    Category.PDF: (PDF, MAIL, OUTLOOK, "application/mbox", "text/calendar"),
    Category.RICH_APPLICATION: (
        HTML, "application/xhtml+xml", "image/svg+xml", "application/x-shockwave-flash", "application/x-silverlight",
    ),
    Category.SCRIPT: (
        JAVASCRIPT, VBSCRIPT, POWERSHELL, BATCH, SCRIPT_FILE, HTA, "application/javascript", "text/x-shellscript",
        "text/x-python", "text/x-script.python", "text/x-perl", "text/x-ruby", "text/x-php", "text/x-lua", "text/x-tcl",
    ),
}  # fmt: skip
_CATEGORY_OF: Final = {media_type: category for category, types in _CATEGORIES.items() for media_type in types}


def kind_of(media_type: str) -> Kind:
    """The kind with that media type; types that no category lists (images, sound, film) have none."""
    known = media_type.lower()
    if known in {"application/octet-stream", "application/x-unknown"}:
        return Kind()
    guess = Category.DOCUMENT if known.startswith("application/vnd.oasis.opendocument") else Category.UNKNOWN
    return Kind(known, _CATEGORY_OF.get(known, guess))


RUNNING_EXTENSIONS: Final = frozenset(
    [
        ".ade",
        ".adp",
        ".app",
        ".application",
        ".appref-ms",
        ".bat",
        ".chm",
        ".cmd",
        ".com",
        ".cpl",
        ".dll",
        ".exe",
        ".gadget",
        ".hta",
        ".inf",
        ".ins",
        ".iqy",
        ".isp",
        ".jar",
        ".js",
        ".jse",
        ".jnlp",
        ".lnk",
        ".mde",
        ".msc",
        ".msi",
        ".msp",
        ".mst",
        ".pif",
        ".ps1",
        ".ps1xml",
        ".psc1",
        ".psm1",
        ".reg",
        ".rgs",
        ".scf",
        ".scr",
        ".sct",
        ".settingcontent-ms",
        ".shb",
        ".shs",
        ".sys",
        ".url",
        ".vb",
        ".vbe",
        ".vbs",
        ".vbscript",
        ".ws",
        ".wsc",
        ".wsf",
        ".wsh",
        ".xll",
        ".diagcab",
        ".appx",
        ".msix",
        ".library-ms",
        ".search-ms",
    ]
)
"""Extensions that Windows runs, or hands to something that runs them."""

HARMLESS_EXTENSIONS: Final = frozenset(
    [
        ".pdf",
        ".doc",
        ".docx",
        ".xls",
        ".xlsx",
        ".ppt",
        ".pptx",
        ".txt",
        ".rtf",
        ".csv",
        ".jpg",
        ".jpeg",
        ".png",
        ".gif",
        ".bmp",
        ".tif",
        ".tiff",
        ".webp",
        ".mp3",
        ".mp4",
        ".wav",
        ".avi",
        ".odt",
        ".ods",
        ".odp",
        ".htm",
        ".html",
        ".xml",
        ".json",
        ".zip",
        ".eml",
        ".ics",
        ".md",
        ".log",
    ]
)
"""Extensions that people open without a second thought: what a dressed-up program pretends to be."""


def extension(name: str) -> str:
    """The last extension as Windows would take it, lower case, with its dot; trailing dots and blanks don't count."""
    return PurePosixPath(name.replace("\\", "/").rstrip(". \t\u00a0")).suffix.lower()
