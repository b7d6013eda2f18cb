"""Archives of every kind: members are examined, bombs end, and what can't be opened says so."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable

import py7zr
import pytest

from cloud.analyzers.budget import MIB, Limits
from cloud.inspection.score import is_unopened, score
from lab.traffic.samples.catalogue import sample
from lab.traffic.samples.packages import zip_of
from lab.traffic.samples.programs import eicar_text
from tests.unit.cloud.analyzers.looking import examine, seen


def tar_of(name: str, content: bytes, mode: str = "w", kind: bytes = tarfile.REGTYPE) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload]  # mode is one of two texts
        member = tarfile.TarInfo(name)
        member.type = kind
        member.linkname = "/etc/passwd" if kind != tarfile.REGTYPE else ""
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def seven_zip_of(name: str, content: bytes, password: str | None = None, *, hide_names: bool = False) -> bytes:
    packed = io.BytesIO()
    with py7zr.SevenZipFile(packed, "w", password=password, header_encryption=hide_names) as archive:
        archive.writestr(content, name)
    return packed.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        zip_of({"eicar.com": eicar_text()}),
        zip_of({"deep/inner.zip": zip_of({"eicar.com": eicar_text()})}),
        seven_zip_of("eicar.com", eicar_text()),
        tar_of("eicar.com", eicar_text()),
        tar_of("eicar.com", eicar_text(), "w:gz"),
        gzip.compress(eicar_text()),
        bz2.compress(eicar_text()),
        lzma.compress(eicar_text()),
        gzip.compress(b"first ") + gzip.compress(eicar_text()),
    ],
    ids=["zip", "zip in zip", "7z", "tar", "tar.gz", "gzip", "bzip2", "xz", "two gzip streams"],
)
def test_what_is_inside_is_found(content: bytes) -> None:
    assert score(examine(content).evidence) == 10


def test_evidence_names_the_way_to_the_member() -> None:
    evidence = examine(sample("eicar-zip").content).evidence[0]
    assert (evidence.name, evidence.path) == ("signature.eicar", ("inner.zip", "eicar.com"))


@pytest.mark.parametrize(
    "content",
    [
        sample("encrypted-zip").content,
        seven_zip_of("a.txt", b"secret", "password"),
        seven_zip_of("a.txt", b"secret", "password", hide_names=True),
    ],
    ids=["zip", "7z", "7z with hidden names"],
)
def test_an_archive_with_a_password_is_not_opened_and_says_so(content: bytes) -> None:
    findings = examine(content)
    assert "archive.encrypted" in {each.name for each in findings.evidence}
    assert is_unopened(findings.evidence)


def test_names_in_an_encrypted_archive_still_count() -> None:
    assert "name.double-extension" in seen(seven_zip_of("invoice.pdf.exe", b"x" * 10, "password"))


@pytest.mark.parametrize("key", ["flat-bomb-zip", "nested-zip", "overlapping-zip"])
def test_bombs_end_in_a_finding(key: str) -> None:
    findings = examine(sample(key).content)
    assert score(findings.evidence) >= 7
    assert not findings.stumbles


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(bytes(64 * MIB)),
        bz2.compress(bytes(64 * MIB)),
        seven_zip_of("zeros", bytes(64 * MIB)),
        zip_of({f"{number}.txt": bytes(5 * MIB) for number in range(12)}),
    ],
    ids=["gzip", "bzip2", "7z", "many in one zip"],
)
def test_more_than_may_be_unpacked_is_not_unpacked(content: bytes) -> None:
    limits = Limits(unpacked=40 * MIB)
    assert seen(content, limits) & {"archive.bomb", "archive.too-much"}


def test_a_million_members_end_early() -> None:
    content = zip_of({f"{number}": b"" for number in range(300)})
    assert "archive.too-many-members" in seen(content, Limits(members=100))


def test_a_link_and_a_device_are_seen() -> None:
    assert "archive.link" in seen(tar_of("link", b"", kind=tarfile.SYMTYPE))
    assert "archive.special-file" in seen(tar_of("pipe", b"", kind=tarfile.FIFOTYPE))


def test_a_symbolic_link_in_a_zip_is_seen() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        member = zipfile.ZipInfo("link")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, "/etc/passwd")
    assert "archive.link" in seen(packed.getvalue())


@pytest.mark.parametrize(
    "make", [lambda name: zip_of({name: b"x"}), lambda name: tar_of(name, b"x")], ids=["zip", "tar"]
)
def test_a_member_that_wants_out_is_seen(make: Callable[[str], bytes]) -> None:
    assert "archive.traversal" in seen(make("../../startup/x.txt"))
    assert "archive.absolute-path" in seen(make("/etc/x.txt"))


def test_two_lists_of_members_that_differ_are_seen() -> None:
    """A reader that goes by local headers would see another name."""
    content = bytearray(zip_of({"report.pdf": b"x"}))
    content[30:40] = b"report.exe"
    assert "archive.contradicts-itself" in seen(bytes(content))


def test_a_broken_member_is_kept_as_far_as_it_goes() -> None:
    content = bytearray(zip_of({"a.txt": b"hello " * 500, "eicar.com": eicar_text()}))
    content[45:50] = b"\xff" * 5
    names = seen(bytes(content))
    assert {"analysis.damaged", "signature.eicar"} <= names


def test_a_lone_program_in_an_archive_weighs_more_than_one_among_documents() -> None:
    assert "archive.lone-program" in seen(zip_of({"setup.exe": sample("program-exe").content}))
    many = {f"{number}.txt": b"text" for number in range(5)}
    assert "archive.lone-program" not in seen(zip_of({**many, "setup.exe": sample("program-exe").content}))


def test_a_cut_archive_ends_in_a_finding() -> None:
    content = seven_zip_of("a.txt", b"hello" * 100)
    for end in (10, 40, len(content) // 2, len(content) - 1):
        assert is_unopened(examine(content[:end]).evidence)
