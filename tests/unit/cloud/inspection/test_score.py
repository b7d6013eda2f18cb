"""How evidence becomes a score."""

import random

import pytest

from cloud.analyzers.evidence import Evidence
from cloud.inspection.score import is_unopened, score


def evidence(*weights: int) -> list[Evidence]:
    return [Evidence("analyzer", f"sign.{number}", weight, "") for number, weight in enumerate(weights)]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ((), 0),
        ((0,), 0),
        ((3,), 3),
        ((3, 3, 3, 3, 3), 3),  # small oddities never add up
        ((7,), 7),
        ((10,), 10),
        ((5, 4), 5),  # one further kind of evidence is not enough
        ((5, 4, 4), 6),
        ((5, 3, 3, 3), 5),
        ((8, 5, 4), 9),
        ((9, 9, 9, 9), 9),  # ten is left to certainty
        ((10, 9, 9), 10),
        ((4, 4, 4), 5),
        ((6, 6, 6, 6, 6, 6), 7),  # one more at most
    ],
)
def test_the_worst_counts_and_company_adds_one(weights: tuple[int, ...], expected: int) -> None:
    assert score(evidence(*weights)) == expected


def test_order_and_repetition_change_nothing() -> None:
    seen = evidence(8, 5, 4, 2)
    for seed in range(10):
        shuffled = seen * 3
        random.Random(seed).shuffle(shuffled)
        assert score(shuffled) == score(seen)


def test_the_same_sign_in_many_places_is_one_kind_of_evidence() -> None:
    assert score(Evidence("a", "sign", 5, "", (str(place),)) for place in range(10)) == 5


def test_more_evidence_never_lowers_the_score() -> None:
    for weights in ((5,), (5, 4), (8, 5, 4), (10,)):
        for further in range(11):
            assert score(evidence(*weights, further)) >= score(evidence(*weights))


def test_one_part_that_was_not_opened_marks_the_file() -> None:
    closed = Evidence("a", "b", 2, "", unopened=True)
    assert not is_unopened(evidence(9, 9))
    assert is_unopened([*evidence(0), closed])
