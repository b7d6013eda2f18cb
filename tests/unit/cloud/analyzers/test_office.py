"""Office documents: macros, links, objects, encryption."""

import pytest

from cloud.inspection.score import is_unopened, score
from lab.traffic.samples.catalogue import sample
from lab.traffic.samples.compound_file import compound_file
from lab.traffic.samples.packages import relationships, word_document, zip_of
from lab.traffic.samples.programs import eicar_text
from lab.traffic.samples.vba_project import vba_project, vba_streams
from tests.unit.cloud.analyzers.looking import examine, seen

_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_ATTACK = 'Sub AutoOpen()\n    CreateObject("WScript.Shell").Run "notepad"\nEnd Sub\n'
_STARTS_ONLY = 'Sub Document_Open()\n    MsgBox "hi"\nEnd Sub\n'


def test_macros_that_start_and_reach_out_are_an_attack() -> None:
    findings = examine(word_document("x", macros=vba_project({"Module1": _ATTACK})))
    assert score(findings.evidence) >= 8
    assert {"macro.present", "macro.auto-exec", "macro.auto-exec-suspicious"} <= {e.name for e in findings.evidence}


def test_macros_in_the_old_format_are_found_as_well() -> None:
    streams = {"WordDocument": bytes(5000), **vba_streams({"Module1": _ATTACK}, below="Macros/")}
    assert "macro.auto-exec-suspicious" in seen(compound_file(streams))


def test_macros_that_only_start_are_less() -> None:
    findings = examine(word_document("x", macros=vba_project({"Module1": _STARTS_ONLY})))
    assert 4 <= score(findings.evidence) <= 6


def test_the_source_of_a_macro_is_examined_as_a_file() -> None:
    module = f'Sub Quiet()\n    text = "{"powershell -w hidden -nop -enc " + "QUFB" * 20}"\nEnd Sub\n'
    evidence = examine(word_document("x", macros=vba_project({"Module1": module}))).evidence
    assert any(each.name == "signature.powershell-encoded" and each.path for each in evidence)


@pytest.mark.parametrize(
    ("kind", "target", "expected"),
    [
        ("attachedTemplate", "https://a.invalid/x.dotm", {"office.external-template"}),
        ("attachedTemplate", "file:///C:/Templates/x.dotm", set()),
        ("oleObject", "\\\\host\\share\\x", {"office.external-object"}),
        ("hyperlink", "https://example.com/", set()),
    ],
)
def test_what_is_fetched_from_elsewhere_is_seen(kind: str, target: str, expected: set[str]) -> None:
    part = relationships({"rId1": (f"{_RELATION}/{kind}", target)}, external=True)
    assert seen(word_document("x", extra={"word/_rels/settings.xml.rels": part})) == expected


@pytest.mark.parametrize(
    "runs",
    [
        "<w:instrText>DDEAUTO c:\\\\x.exe</w:instrText>",
        '<w:instrText xml:space="preserve"> DDE</w:instrText><w:instrText>AUTO c:\\\\x.exe</w:instrText>',
        '<w:fldSimple w:instr="DDE excel file"/>',
    ],
)
def test_a_dde_field_is_seen_however_its_text_is_split(runs: str) -> None:
    part = f"<w:document>{runs}</w:document>".encode()
    assert "office.dde" in seen(word_document("x", extra={"word/header1.xml": part}))


def test_a_formula_in_a_list_that_calls_a_program_is_seen() -> None:
    assert "office.dde" in seen(b"name,value\n=cmd|'/c calc'!A1,2\n")
    assert "office.dde" not in seen(b"name,value\n=SUM(A1:A2),2\n")


def test_embedded_files_are_examined() -> None:
    content = word_document("x", extra={"word/embeddings/object.bin": eicar_text()})
    assert {"office.embedded-object", "signature.eicar"} <= seen(content)


def test_excel_4_macros_are_seen() -> None:
    sheet = b'<xm:macrosheet><f>EXEC("calc")</f></xm:macrosheet>'
    book = b'<workbook><definedName name="_xlnm.Auto_Open">x</definedName></workbook>'
    parts = {"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": book, "xl/macrosheets/sheet1.xml": sheet}
    assert {"macro.xlm", "macro.xlm-suspicious"} <= seen(zip_of(parts))


def test_a_document_with_a_password_is_not_opened_and_says_so() -> None:
    findings = examine(compound_file({"EncryptedPackage": bytes(5000), "EncryptionInfo": bytes(200)}))
    assert is_unopened(findings.evidence)


def test_entities_in_a_part_are_seen() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
    assert "xml.entities" in seen(word_document("x", extra={"word/footer1.xml": bomb}))


@pytest.mark.parametrize("key", ["clean-docx", "clean-xlsx"])
def test_clean_documents_have_nothing(key: str) -> None:
    findings = examine(sample(key).content)
    assert findings.evidence == ()
    assert not findings.stumbles


def test_a_cut_document_ends_in_a_finding() -> None:
    content = sample("macro-docm").content
    for end in (100, len(content) // 2, len(content) - 10):
        assert is_unopened(examine(content[:end]).evidence)
