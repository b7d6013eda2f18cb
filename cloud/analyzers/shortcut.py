"""Shortcuts (.lnk, [MS-SHLLINK]): what they would start, and with which arguments; and .url files that point elsewhere."""

import io
import re
from collections.abc import Iterator
from typing import Any, Final

import LnkParse3

from cloud.analyzers import kinds
from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import Child, File, Finding
from cloud.analyzers.vocabulary import SHORTCUT, SHORTCUT_COMMAND, SHORTCUT_PADDED, SHORTCUT_REMOTE

_INTERPRETERS: Final = re.compile(
    r"(?i)\b(?:cmd|powershell|pwsh|wscript|cscript|mshta|rundll32|regsvr32|msiexec|certutil|bitsadmin|forfiles|conhost|ftp"
    r"|explorer)(?:\.exe)?\b"
)
_REMOTE: Final = re.compile(r"(?i)\\\\[\w.-]+(?:@\w+)*\\|https?://|file://[\w.-]")
_PADDED: Final = re.compile(r"\s{40,}")
_URL_LINE: Final = re.compile(rb"(?im)^[ \t]*(?:url|iconfile|workingdirectory)\s*=\s*(?:file:)?(?://|\\\\)[\w.-]+")


class ShortcutAnalyzer:
    """Reads shortcuts and says what a double click would do."""

    name = "shortcut"

    def wants(self, file: File) -> bool:
        return file.kind.media_type in {kinds.SHORTCUT, kinds.INTERNET_SHORTCUT}

    def examine(self, file: File, budget: Budget) -> Iterator[Finding]:
        budget.check_time()
        yield SHORTCUT
        if file.kind.media_type == kinds.INTERNET_SHORTCUT:
            if _URL_LINE.search(file.content):
                yield SHORTCUT_REMOTE
            return
        yield from _signs_of(LnkParse3.lnk_file(io.BytesIO(file.content)).get_json())


def _signs_of(shortcut: dict[str, Any]) -> Iterator[Finding]:
    words: dict[str, str] = {key: str(value) for key, value in shortcut.get("data", {}).items()}
    arguments = words.get("command_line_arguments", "")
    target = " ".join(
        (words.get("relative_path", ""), str(shortcut.get("link_info", "")), str(shortcut.get("extra", "")))
    )
    if _INTERPRETERS.search(target) or _INTERPRETERS.search(arguments):
        yield SHORTCUT_COMMAND
    if _REMOTE.search(arguments) or _REMOTE.search(target):
        yield SHORTCUT_REMOTE
    if _PADDED.search(arguments):
        yield SHORTCUT_PADDED
    if arguments:
        yield Child("", arguments.encode("utf-8", "replace"))
