"""Test files with a known score."""

import pytest

from cloud.inspection.score import score
from lab.traffic.samples.packages import zip_of
from tests.unit.cloud.analyzers.looking import examine


@pytest.mark.parametrize("wanted", range(11))
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\nMore text.\r\n"])
def test_a_file_gets_exactly_the_score_that_it_asks_for(wanted: int, end: bytes) -> None:
    assert score(examine(b"SRXLAB-SCORE: %d" % wanted + end).evidence) == wanted


@pytest.mark.parametrize(
    "content", [b"SRXLAB-SCORE: 11\n", b"SRXLAB-SCORE: -1\n", b"SRXLAB-SCORE: 7 please\n", b"\nSRXLAB-SCORE: 7\n"]
)
def test_other_texts_ask_for_nothing(content: bytes) -> None:
    assert score(examine(content).evidence) == 0


def test_a_request_can_only_add() -> None:
    """Something bad that asks for 0 keeps its score."""
    content = (
        b'SRXLAB-SCORE: 0\nvar s = new ActiveXObject("WScript.Shell"); new ActiveXObject("MSXML2.XMLHTTP"); eval(1)'
    )
    assert score(examine(content).evidence) >= 7


def test_a_request_counts_inside_of_archives_too() -> None:
    assert score(examine(zip_of({"a.txt": b"SRXLAB-SCORE: 9\n"})).evidence) == 9
