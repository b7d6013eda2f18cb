"""Web pages and SVG as files: smuggling (the page builds the file in the browser), forms that phish, script that hides. Pure."""

import re
from collections.abc import Iterator
from typing import Final

import pybase64

from cloud.analyzers import kinds
from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import Child, File, Finding
from cloud.analyzers.script_language import plain
from cloud.analyzers.vocabulary import (
    HTML_OBFUSCATED,
    HTML_PASSWORD_FORM,
    HTML_PROGRAM,
    HTML_SCRIPT_IN_IMAGE,
    HTML_SMUGGLING,
)

_LOOKED_AT: Final = 16 * 1024 * 1024
_DECODES: Final = re.compile(rb"(?i)\batob\s*\(|uint8array|fromcharcode|base64,|decodeuricomponent|charcodeat")
_BUILDS: Final = re.compile(
    rb"(?i)new\s+(?:blob|file)\s*\(|mssaveoropenblob|mssaveblob|data:application/(?:octet-stream|zip|x-)"
)
_HANDS_OVER: Final = re.compile(
    rb"(?i)\.download\s*=|setattribute\s*\(\s*['\"]download|<a\b[^>]{0,400}\bdownload\b|createobjecturl|mssaveoropenblob|\.click\s*\("
)
_HIDES: Final = re.compile(
    rb"(?i)document\.write\s*\(\s*(?:unescape|atob|decodeuricomponent)\s*\(|eval\s*\(\s*(?:unescape|atob|function\s*\(p,a,c,k)"
    rb"|(?:\\x[0-9a-f]{2}){40}|(?:%[0-9a-f]{2}){100}|string\.fromcharcode\s*\((?:\s*\d+\s*,){30}"
)
_PASSWORD: Final = re.compile(rb"(?i)<input\b[^>]{0,400}\btype\s*=\s*['\"]?password")
_SENDS: Final = re.compile(
    rb"(?i)<form\b[^>]{0,400}\baction\s*=\s*['\"]?https?://|\bfetch\s*\(|\$\.(?:ajax|post)\s*\(|xmlhttprequest"
)
_SCRIPT: Final = re.compile(rb"(?i)<script\b|\bon(?:load|click|error|begin)\s*=|javascript:|<foreignobject\b")
_ENCODED: Final = re.compile(rb"[A-Za-z0-9+/]{64,}={0,2}")
_CARRIED: Final = (b"MZ", b"PK\x03\x04", b"Rar!", b"7z\xbc\xaf", b"\xd0\xcf\x11\xe0", b"MSCF", b"L\0\0\0\x01\x14\x02")
_MOST_CARRIED: Final = 16


class HtmlAnalyzer:
    """Reads what a browser would be given."""

    name = "html"

    def wants(self, file: File) -> bool:
        return file.kind.media_type in {kinds.HTML, kinds.HTA, "application/xhtml+xml", "image/svg+xml"}

    def examine(self, file: File, budget: Budget) -> Iterator[Finding]:
        text = plain(file.content)[:_LOOKED_AT]
        scripted = bool(_SCRIPT.search(text))
        if scripted and file.kind.media_type == "image/svg+xml":
            yield HTML_SCRIPT_IN_IMAGE
        if scripted and _DECODES.search(text) and _BUILDS.search(text) and _HANDS_OVER.search(text):
            yield HTML_SMUGGLING
        if _HIDES.search(text):
            yield HTML_OBFUSCATED
        if _PASSWORD.search(text) and _SENDS.search(text):
            yield HTML_PASSWORD_FORM
        yield from _carried_files(text, budget)


def _carried_files(text: bytes, budget: Budget) -> Iterator[Finding]:
    """Whole files in base64, by how they begin; each is examined as a file of its own."""
    found = 0
    for match in _ENCODED.finditer(text):
        encoded = match[0]
        head = pybase64.b64decode(encoded[:64], validate=False)
        if not head.startswith(_CARRIED):
            continue
        found += 1
        if found > _MOST_CARRIED:
            return
        budget.member()
        content = pybase64.b64decode(encoded[: len(encoded) // 4 * 4], validate=False)
        budget.unpacked(len(content))
        yield HTML_PROGRAM
        yield Child("", content)
