"""Which names give a file away."""

import pytest

from cloud.analyzers.names import signs_of


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", set()),
        ("photo.jpg", set()),
        ("archive.tar.gz", set()),
        ("version-1.2.3.txt", set()),
        ("setup.exe", {"name.runs"}),
        ("SETUP.EXE", {"name.runs"}),
        ("letter.js", {"name.runs"}),
        ("folder/tool.ps1", {"name.runs"}),
        ("folder\\tool.vbs", {"name.runs"}),
        ("setup.exe.", {"name.runs"}),
        ("setup.exe ", {"name.runs"}),
        ("invoice.pdf.exe", {"name.double-extension"}),
        ("invoice.PDF.Exe", {"name.double-extension"}),
        ("invoice.docx .lnk", {"name.double-extension"}),
        ("invoice.pdf" + " " * 60 + ".scr", {"name.padded", "name.double-extension"}),
        ("invoice.pdf" + "_" * 60 + ".scr", {"name.padded", "name.double-extension"}),
        ("photo_\u202egpj.exe", {"name.reversed", "name.runs"}),
        ("photo_\u202egpj.png", {"name.reversed"}),
        ("bell\x07.txt", {"name.control-characters"}),
        ("nul\x00.txt", {"name.control-characters"}),
        ("a" * 300 + ".txt", {"name.long"}),
        ("a" * 65536 + ".exe", {"name.long", "name.runs"}),
        ("", set()),
        ("...", set()),
        ("résumé.pdf", set()),
    ],
)
def test_a_name_shows_what_it_hides(name: str, expected: set[str]) -> None:
    assert {sign.name for sign in signs_of(name)} == expected
