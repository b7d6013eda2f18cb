"""The samples."""

import io
import zipfile
from pathlib import Path

import pikepdf
import pytest
import pyzipper

from lab.traffic.samples.archives import encrypted_zip
from lab.traffic.samples.catalogue import SAMPLES, sample
from lab.traffic.samples.sample import Expected


@pytest.mark.parametrize("key", SAMPLES)
def test_a_sample_is_what_its_key_says_and_small_and_the_same_each_time(key: str) -> None:
    first, second = sample(key), sample(key)
    assert first.key == key
    assert 0 < len(first.content) < 64 * 1024
    assert "/" in first.content_type
    assert first.content == second.content or key == "encrypted-zip"


@pytest.mark.parametrize("score", range(11))
def test_every_score_belongs_to_one_class(score: int) -> None:
    assert sum(expected.holds(score) for expected in Expected) == 1


def test_the_pdf_is_one_that_readers_open() -> None:
    with pikepdf.open(io.BytesIO(sample("clean-pdf").content)) as document:
        assert len(document.pages) == 1
        assert not document.check_pdf_syntax()


@pytest.mark.parametrize("key", ["clean-docx", "clean-xlsx", "macro-docm", "clean-zip", "double-extension-zip"])
def test_packages_are_whole(key: str) -> None:
    with zipfile.ZipFile(io.BytesIO(sample(key).content)) as archive:
        assert archive.testzip() is None


def test_the_locked_archive_opens_with_its_password_alone() -> None:
    content = io.BytesIO(encrypted_zip(b"other").content)
    with pyzipper.AESZipFile(content) as archive:
        archive.setpassword(b"other")
        assert archive.read("secret.txt") == b"A harmless sample.\n"
        archive.setpassword(b"wrong")
        with pytest.raises(RuntimeError):
            archive.read("secret.txt")


def test_no_source_of_ours_holds_the_test_string() -> None:
    """Scanners would take the repository for what it tests with."""
    text = sample("eicar").content
    root = Path(__file__).parents[5]
    sources = (path for part in ("lab", "cloud", "tests") for path in (root / part).rglob("*.py"))
    assert all(text not in path.read_bytes() for path in sources)
