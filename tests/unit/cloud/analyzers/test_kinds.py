"""Types, categories and extensions."""

import pytest

from cloud.analyzers import kinds
from cloud.analyzers.kinds import Category, extension, kind_of


@pytest.mark.parametrize(
    ("media_type", "category"),
    [
        ("application/zip", Category.ARCHIVE),
        ("application/pdf", Category.PDF),
        ("message/rfc822", Category.PDF),
        ("application/msword", Category.DOCUMENT),
        ("application/vnd.oasis.opendocument.text", Category.DOCUMENT),
        (kinds.PE, Category.EXECUTABLE),
        (kinds.ELF, Category.ELF),
        (kinds.JAR, Category.JAVA),
        (kinds.APK, Category.MOBILE),
        (kinds.MSI, Category.OS_PACKAGE),
        ("text/html", Category.RICH_APPLICATION),
        (kinds.POWERSHELL, Category.SCRIPT),
        ("application/json", Category.CONFIGURATION),
        ("image/png", Category.UNKNOWN),
    ],
)
def test_a_type_falls_in_the_vendors_category(media_type: str, category: Category) -> None:
    assert kind_of(media_type).category is category


def test_what_is_not_known_has_no_type() -> None:
    assert kind_of("application/octet-stream").media_type == ""


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.PDF", ".pdf"), ("a.exe. ", ".exe"), ("dir.d/file", ""), ("a\\b.js", ".js"), ("", ""), ("a.b.c", ".c")],
)
def test_the_last_extension_counts(name: str, expected: str) -> None:
    assert extension(name) == expected
