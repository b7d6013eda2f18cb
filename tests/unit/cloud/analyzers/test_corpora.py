"""Documents that real programs wrote, and ones that a fuzzer broke, through all analyzers."""

import random
from pathlib import Path

import pytest

from cloud.inspection.score import is_unopened, score
from tests.unit.cloud.analyzers.looking import examine

_CORPORA = Path(__file__).parents[3] / "corpora"
_THRESHOLD = 7
_SUSPECT = {
    "spreadsheet_54764-2.xlsx": "xml.entities",
    "test-data_msodde_dde-in-csv.csv": "office.dde",
    "test-data_msodde_dde-in-excel2003.xml": "office.dde",
    "test-data_oleobj_sample_with_lnk_file.doc": "office.embedded-program",
}
"""The files that were made to be found, and by what."""


def documents() -> list[Path]:
    folders = ("documents-poi", "office-oletools", "pdf-pdfjs")
    return [path for folder in folders for path in sorted((_CORPORA / folder).iterdir())]


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_a_document_is_taken_for_what_it_is(path: Path) -> None:
    """Honest documents stay below the threshold, attack-shaped ones don't, and every type is known."""
    findings = examine(path.read_bytes())
    assert findings.kind.media_type
    if path.name in _SUSPECT:
        assert _SUSPECT[path.name] in {each.name for each in findings.evidence}
        assert score(findings.evidence) >= _THRESHOLD
    else:
        assert score(findings.evidence) < _THRESHOLD


def test_every_encrypted_document_says_that_it_was_not_opened() -> None:
    locked = [path for path in documents() if "encrypted" in path.name or "rotected_pass" in path.name.lower()]
    assert len(locked) >= 4
    assert all(is_unopened(examine(path.read_bytes()).evidence) for path in locked)


@pytest.mark.parametrize("seed", range(3))
def test_broken_documents_end_in_findings(seed: int) -> None:
    """Cut anywhere, with bytes changed anywhere: the examination ends, and says the same when it is asked again."""
    chance = random.Random(seed)
    for path in chance.sample(documents(), 12):
        content = bytearray(path.read_bytes())
        for _ in range(20):
            content[chance.randrange(len(content))] = chance.randrange(256)
        broken = bytes(content[: chance.randrange(len(content) // 2, len(content))])
        findings = examine(broken)
        assert findings == examine(broken)
        assert 0 <= score(findings.evidence) <= 10
