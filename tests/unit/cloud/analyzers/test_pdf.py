"""PDF: script, actions, embedded files, encryption."""

import io

import pikepdf
import pytest

from cloud.inspection.score import is_unopened, score
from lab.traffic.samples.catalogue import sample
from lab.traffic.samples.documents import pdf
from lab.traffic.samples.programs import eicar_text
from tests.unit.cloud.analyzers.looking import examine, seen


def changed(password: str = "", attached: bytes = b"") -> bytes:
    written = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf("A page."))) as document:
        if attached:
            document.attachments["inner.com"] = pikepdf.AttachedFileSpec(document, attached, filename="inner.com")
        encryption = pikepdf.Encryption(owner="owner", user=password) if password else None
        document.save(written, encryption=encryption or False)
    return written.getvalue()


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("", set()),
        ("/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>", {"pdf.script", "pdf.script-on-open"}),
        ("/AA << /WC << /S /JavaScript /JS (app.alert\\(1\\)) >> >>", {"pdf.script"}),
        (
            "/OpenAction << /S /JavaScript /JS (eval\\(unescape\\('%41'\\)\\)) >>",
            {"pdf.script", "pdf.script-on-open", "pdf.obfuscated-script"},
        ),
        ("/OpenAction << /S /Launch /F (cmd.exe) >>", {"pdf.launch"}),
        ("/OpenAction << /S /GoToR /F (other.pdf) >>", {"pdf.remote"}),
    ],
)
def test_what_a_document_does_when_it_is_opened_is_seen(extra: str, expected: set[str]) -> None:
    assert seen(pdf("A page.", extra)) == expected


def test_an_embedded_file_is_examined() -> None:
    evidence = examine(changed(attached=eicar_text())).evidence
    assert ("signature.eicar", ("inner.com",)) in {(each.name, each.path) for each in evidence}


def test_a_document_with_a_password_is_not_opened_and_says_so() -> None:
    findings = examine(changed(password="secret"))
    assert [each.name for each in findings.evidence] == ["pdf.encrypted"]
    assert is_unopened(findings.evidence)


def test_a_document_that_anybody_may_open_is_opened() -> None:
    """An owner's password alone keeps nobody from reading."""
    written = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf("A page.", "/OpenAction << /S /Launch /F (cmd.exe) >>"))) as document:
        document.save(written, encryption=pikepdf.Encryption(owner="owner", user=""))
    assert "pdf.launch" in seen(written.getvalue())


def test_a_clean_document_scores_0() -> None:
    assert score(examine(sample("clean-pdf").content).evidence) == 0


def test_a_cut_document_never_breaks_the_examination() -> None:
    content = sample("launching-pdf").content
    for end in range(5, len(content), 97):
        assert score(examine(content[:end]).evidence) <= 8
