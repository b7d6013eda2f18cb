"""Scripts by their words, and letters that only mention them."""

import pytest

from cloud.analyzers import kinds
from cloud.analyzers.script_language import language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (b'var shell = new ActiveXObject("WScript.Shell");\nshell.Run("calc");', kinds.JAVASCRIPT),
        (b"function go() { return 1; }\nconst a = 2;", kinds.JAVASCRIPT),
        (b'On Error Resume Next\nSet o = CreateObject("WScript.Shell")\no.Run "calc"', kinds.VBSCRIPT),
        (b"$c = New-Object Net.WebClient\n$c.DownloadString('https://a.invalid/')", kinds.POWERSHELL),
        (b"@echo off\r\nset A=1\r\ncmd /c dir\r\n", kinds.BATCH),
        ("$c = New-Object Net.WebClient".encode("utf-16"), kinds.POWERSHELL),
        (b"<html><HTA:APPLICATION ID='x'><script>x</script>", kinds.HTA),
        (b'<job><script language="JScript">x</script></job>', kinds.SCRIPT_FILE),
        (b"[InternetShortcut]\r\nURL=https://example.com/\r\n", kinds.INTERNET_SHORTCUT),
        (b"Windows Registry Editor Version 5.00\r\n", "text/x-registry"),
        (b"<!DOCTYPE html><html><script>var a = 1; eval(a)</script></html>", kinds.HTML),
        (b"Please run cmd /c dir and tell me what it says.\n", ""),
        (b"We let x = 3 and start from there.\n", ""),
        (b"Dear team,\nstart the meeting at noon.\nCall me.\n", ""),
        (b"", ""),
        (b"\0\1\2 var a = 1; eval(a)", ""),
    ],
)
def test_two_words_make_a_language_and_one_does_not(text: bytes, language: str) -> None:
    assert language_of(text) == language
