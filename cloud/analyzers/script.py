"""Scripts for Windows: JavaScript, VBScript, PowerShell, batch files, WSF, HTA, and macro sources' cousins. Pure.

What they do is told from the words they use. One word is no proof: honest scripts start programs too. Fetching *and*
starting, or hiding what is said, is an attack's own shape.
"""

import re
from collections.abc import Iterator
from typing import Final

from cloud.analyzers import kinds
from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import File, Finding, Sign
from cloud.analyzers.kinds import Category, extension
from cloud.analyzers.script_language import plain
from cloud.analyzers.vocabulary import (
    HTML_APPLICATION,
    SCRIPT,
    SCRIPT_DOWNLOAD,
    SCRIPT_DROPPER,
    SCRIPT_HIDDEN,
    SCRIPT_RUN_BY_NAME,
    SCRIPT_SHELL,
)

_LOOKED_AT: Final = 4 * 1024 * 1024
_STARTS: Final = re.compile(
    rb"(?i)wscript\.shell|shell\.application|\.shellexecute|\bstart-process\b|\bcmd(?:\.exe)?\s*/[ck]\b|\bpowershell(?:\.exe)?\s+-"
    rb"|\binvoke-(?:expression|command)\b|\biex\b\s*[\(\$]|\bmshta\b|\brundll32\b|\bregsvr32\b|win32_process|\bwmic\s+process\s+call"
    rb"|child_process|\bschtasks\b\s+/create"
)
_FETCHES: Final = re.compile(
    rb"(?i)msxml2\.(?:server)?xmlhttp|winhttp\.winhttprequest|microsoft\.xmlhttp|\.download(?:string|file|data)\b|invoke-webrequest"
    rb"|\biwr\b\s|start-bitstransfer|\bbitsadmin\b.{0,40}/transfer|\bcertutil\b.{0,60}-urlcache|\bcurl(?:\.exe)?\s+-|urldownloadtofile"
)
_WRITES: Final = re.compile(
    rb"(?i)adodb\.stream|\.savetofile|scripting\.filesystemobject.{0,400}createtextfile"
    rb"|\[io\.file\]::write"
)
_HIDES: Final = re.compile(
    rb"(?i)-e(?:nc(?:odedcommand)?|c)?\s+[A-Za-z0-9+/=]{40,}|frombase64string\s*\(|(?:chrw?\s*\(\s*(?:&h)?\d+\s*\)\s*&\s*){8}"
    rb"|string\.fromcharcode\s*\((?:\s*\d+\s*,){15}|(?:\\x[0-9a-f]{2}){40}|(?:\^[a-z]){10}|unescape\s*\(\s*['\"](?:%u?[0-9a-f]{2,4}){20}"
    rb"|-join\s*\(?\s*['\"(]|\beval\s*\(\s*(?:function\s*\(p,a,c,k,e|atob\s*\(|unescape\s*\()|msscriptcontrol|#@~\^[A-Za-z0-9+/]{6}=="
)
_MACRO_SOURCES: Final = frozenset({".bas", ".cls", ".frm"})
_BY_NAME: Final = frozenset(
    [
        ".js",
        ".jse",
        ".vbs",
        ".vbe",
        ".vb",
        ".ws",
        ".wsf",
        ".wsc",
        ".sct",
        ".hta",
        ".bat",
        ".cmd",
        ".ps1",
        ".psm1",
        ".ps1xml",
        ".scf",
        ".reg",
        ".iqy",
        ".url",
    ]
)


class ScriptAnalyzer:
    """Reads scripts, by content or by a member's name; macros are office's matter."""

    name = "script"

    def wants(self, file: File) -> bool:
        ending = extension(file.name)
        if ending in _MACRO_SOURCES:
            return False
        return file.kind.category is Category.SCRIPT or (ending in _BY_NAME and b"\0" not in plain(file.content[:4096]))

    def examine(self, file: File, budget: Budget) -> Iterator[Finding]:
        budget.check_time()
        text = plain(file.content)[:_LOOKED_AT]
        yield HTML_APPLICATION if file.kind.media_type == kinds.HTA else SCRIPT
        if extension(file.name) in _BY_NAME:
            yield SCRIPT_RUN_BY_NAME
        yield from signs_of_script(text)


def signs_of_script(text: bytes) -> Iterator[Sign]:
    """What the words of a script give away."""
    starts = bool(_STARTS.search(text))
    fetches = bool(_FETCHES.search(text))
    if starts:
        yield SCRIPT_SHELL
    if fetches:
        yield SCRIPT_DOWNLOAD
    if starts and (fetches or _WRITES.search(text)):
        yield SCRIPT_DROPPER
    if _HIDES.search(text):
        yield SCRIPT_HIDDEN
