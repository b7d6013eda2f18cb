"""What files are, by content, and names that say otherwise."""

import random
import time

import pytest

from cloud.analyzers import kinds
from cloud.analyzers.budget import Budget, Limits
from cloud.analyzers.evidence import File, Sign
from cloud.analyzers.file_type import TypeAnalyzer, TypeReader
from cloud.analyzers.kinds import Kind
from cloud.inspection.score import is_unopened
from lab.traffic.samples.catalogue import sample
from lab.traffic.samples.compound_file import compound_file
from lab.traffic.samples.packages import zip_of
from tests.unit.cloud.analyzers.looking import examine, found_by, signs

_SHORTCUT = b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46" + bytes(60)
_CHANCE = random.Random(1).randbytes(1000)
_ENVELOPED = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80" + _CHANCE


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"", kinds.EMPTY),
        (b"Good morning,\nhere are the minutes.\n", "text/plain"),
        (sample("clean-pdf").content, kinds.PDF),
        (b"junk before\n" + sample("clean-pdf").content, kinds.PDF),
        (sample("clean-docx").content, kinds.OOXML["word/"]),
        (sample("clean-xlsx").content, kinds.OOXML["xl/"]),
        (sample("clean-zip").content, kinds.ZIP),
        (sample("program-exe").content, kinds.PE),
        (b"MZ is a postcode, not a program.\n", "text/plain"),
        (b"\x7fELF\x02\x01\x01" + bytes(60), kinds.ELF),
        (_SHORTCUT, kinds.SHORTCUT),
        (b"{\\rtf1 hello}", kinds.RTF),
        (b"{\\rt hello}", kinds.RTF),
        (compound_file({"WordDocument": b"x"}), "application/msword"),
        (compound_file({"Workbook": b"x"}), "application/vnd.ms-excel"),
        (compound_file({"EncryptedPackage": b"x", "EncryptionInfo": b"x"}), kinds.ENCRYPTED_OFFICE),
        (compound_file({"__properties_version1.0": b"x"}), kinds.OUTLOOK),
        (compound_file({"Something": b"x"}), kinds.OLE),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and then nothing", kinds.OLE),
        (zip_of({"META-INF/MANIFEST.MF": b"x", "A.class": b"y"}), kinds.JAR),
        (zip_of({"AndroidManifest.xml": b"x", "classes.dex": b"y"}), kinds.APK),
        (b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(20), kinds.JAVA_CLASS),
        (b"\xca\xfe\xba\xbe\0\0\0\x02" + bytes(20), kinds.MACH_O),
        (b"7z\xbc\xaf\x27\x1c" + bytes(30), kinds.SEVEN_ZIP),
        (b"From: a@example.org\r\nTo: b@example.org\r\nSubject: x\r\n\r\nhi\r\n", kinds.MAIL),
        (b"<!DOCTYPE html><html><body>hi</body></html>", kinds.HTML),
        (sample("image-png").content, "image/png"),
    ],
)
def test_content_tells_the_type(content: bytes, media_type: str) -> None:
    assert TypeReader().kind(content).media_type == media_type


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("invoice.pdf", sample("program-exe").content, {"type.disguised"}),
        ("photo.jpg", _SHORTCUT, {"type.disguised"}),
        ("notes.txt", sample("dropper-js").content, {"type.disguised"}),
        ("invoice.pdf", sample("clean-zip").content, {"type.contradicts-name"}),
        ("logo.png", b"only text\n", {"type.contradicts-name"}),
        ("setup.exe", sample("program-exe").content, set()),
        ("report.pdf", sample("clean-pdf").content, set()),
        ("table.xls", b"<html><body><table></table></body></html>", set()),
        ("", sample("program-exe").content, set()),
    ],
)
def test_a_name_that_says_otherwise_is_seen(name: str, content: bytes, expected: set[str]) -> None:
    assert signs(found_by(TypeAnalyzer(), content, name)) == expected


def test_an_unknown_type_contradicts_nothing() -> None:
    found = TypeAnalyzer().examine(File(b"\x00\x01", Kind(), "a.pdf"), Budget(Limits(), time.monotonic))
    assert [each.name for each in found if isinstance(each, Sign)] == ["type.unknown"]


@pytest.mark.parametrize(
    ("content", "sign"),
    [
        (_CHANCE, "type.unknown"),
        (bytes(64), "type.unknown"),
        (b"\x85\x01\x0c\x03" + _CHANCE, "type.unknown"),
        (b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMAw==\r\n-----END PGP MESSAGE-----\r\n", "type.not-taken-apart"),
        (b"\x78\x9f\x3e\x22" + bytes(60), "type.not-taken-apart"),
        (_ENVELOPED, "type.not-taken-apart"),
    ],
    ids=["chance", "zeros", "PGP in binary", "PGP in ASCII", "TNEF", "S/MIME"],
)
@pytest.mark.parametrize("packed", [False, True], ids=["alone", "in a ZIP"])
def test_what_nobody_can_look_into_is_unopened_and_weighs_nothing(content: bytes, sign: str, *, packed: bool) -> None:
    """The device's unknown-file fallback decides; on its own it is no suspicion."""
    findings = examine(zip_of({"file": content}) if packed else content)
    assert [(each.name, each.weight) for each in findings.evidence] == [(sign, 0)]
    assert is_unopened(findings.evidence)


@pytest.mark.parametrize(
    "content",
    [b"", b"a", b"\n", b"Gr\xfc\xdfe\n", b"0 is a number.\n", b"SRXLAB-SCORE: 3\n", sample("image-png").content],
    ids=["empty", "a letter", "a line end", "Latin-1", "a digit", "test file", "image"],
)
def test_a_text_and_an_image_are_not_unopened(content: bytes) -> None:
    assert not is_unopened(examine(content).evidence)
