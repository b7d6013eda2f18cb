"""Which script language a text is written in, by its own words. Pure, and deliberately slow to say yes."""

import re
from typing import Final

from cloud.analyzers import kinds

_LOOKED_AT: Final = 64 * 1024
_HITS: Final = 2
"""How many different words of a language make a text that language; one alone stands in many an honest letter."""

_WORDS: Final = {
    kinds.POWERSHELL: (
        rb"(?i)\$\w+\s*=\s*(?:new-object|\[[\w.]+\]|get-|\()",
        rb"(?i)\b(?:invoke-expression|iex)\b\s*[\(\$]",
        rb"(?i)\bnew-object\s+(?:-\w+\s+)?[\w.]+",
        rb"(?i)\b(?:invoke-webrequest|start-bitstransfer|start-process|set-executionpolicy|write-host|get-childitem)\b",
        rb"(?i)\.download(?:string|file|data)\s*\(",
        rb"(?i)\[(?:system\.)?(?:convert|reflection|text\.encoding|net\.webclient|io\.file)[\w.]*\]::",
        rb"(?im)^[ \t]*(?:param\s*\(|function\s+[a-z]+-[a-z]+)",
    ),
    kinds.VBSCRIPT: (
        rb"(?im)^[ \t]*(?:set\s+\w+\s*=|on\s+error\s+resume\s+next|option\s+explicit|end\s+(?:sub|function|if))",
        rb"(?i)\bcreateobject\s*\(\s*\"",
        rb"(?i)\b(?:wscript\.(?:shell|echo|sleep|arguments)|msgbox\s+\"|execute(?:global)?\s*\()",
        rb"(?im)^[ \t]*(?:dim|private\s+sub|public\s+sub|sub|function)\s+\w+",
        rb"(?i)\bchrw?\s*\(\s*(?:&h)?\d+\s*\)\s*&",
    ),
    kinds.JAVASCRIPT: (
        rb"(?m)\b(?:var|let|const)\s+[\w$]+\s*=",
        rb"\bfunction\s*[\w$]*\s*\([\w$,\s]*\)\s*\{",
        rb"\bnew\s+ActiveXObject\s*\(",
        rb"\b(?:eval|unescape|atob)\s*\(",
        rb"\b(?:WScript\.|document\.(?:write|create)|String\.fromCharCode|window\.|console\.log|require\s*\()",
        rb"=>\s*[\{\(]",
    ),
    kinds.BATCH: (
        rb"(?im)^[ \t]*@?echo\s+(?:off|on)\b",
        rb"(?im)^[ \t]*(?:@?start|@?call|goto|setlocal|endlocal|rem)\b",
        rb"(?i)%(?:temp|appdata|comspec|systemroot|~\w*\d|\w+:~)",
        rb"(?im)^[ \t]*@?set\s+(?:/\w\s+)?\"?\w+=",
        rb"(?i)\b(?:cmd(?:\.exe)?\s+/[ck]|powershell(?:\.exe)?\s+-|certutil|bitsadmin|mshta|regsvr32|rundll32)\b",
    ),
}  # fmt: skip
_COMPILED: Final = {language: tuple(re.compile(word) for word in words) for language, words in _WORDS.items()}
_SHAPES: Final = (
    (re.compile(rb"(?i)<hta:application"), kinds.HTA),
    (re.compile(rb"(?is)<(?:job|package|component|scriptlet)\b[^>]{0,400}>.{0,4000}<script\b"), kinds.SCRIPT_FILE),
    (
        re.compile(rb"(?is)\A\s*(?:<!--|<\?xml|<!doctype|<html|<head|<body)(?!.*<svg).*<(?:html|body|script)\b"),
        kinds.HTML,
    ),
    (re.compile(rb"(?i)\A\s*\[internetshortcut\]"), kinds.INTERNET_SHORTCUT),
    (re.compile(rb"(?i)\A\s*(?:windows registry editor version|regedit4)"), "text/x-registry"),
)
_MARKUP: Final = re.compile(rb"(?i)^\s*(?:<!--|<\?xml|<!doctype|<html|<head|<body|<svg)")


def language_of(content: bytes) -> str:
    """The media type of a script, or nothing."""
    text = plain(content[:_LOOKED_AT])
    for shape, media_type in _SHAPES:
        if shape.search(text):
            return media_type
    return "" if b"\0" in text or _MARKUP.match(text) else _likeliest(text)


def _likeliest(text: bytes) -> str:
    hits = {language: sum(1 for word in words if word.search(text)) for language, words in _COMPILED.items()}
    best = max(hits, key=lambda language: hits[language])
    return best if hits[best] >= _HITS else ""


def plain(content: bytes) -> bytes:
    """The text in an encoding that is a superset of ASCII: Windows runs UTF-16 scripts as well."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content[: len(content) & ~1].decode("utf-16", "replace").encode("utf-8", "replace")
    return content.removeprefix(b"\xef\xbb\xbf")
