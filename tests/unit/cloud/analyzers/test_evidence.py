"""What evidence may hold."""

import pytest

from cloud.analyzers import vocabulary
from cloud.analyzers.evidence import NAME_LIMIT, Sign, shown


def test_a_weight_is_0_to_10() -> None:
    for weight in (-1, 11):
        with pytest.raises(ValueError, match="weighs"):
            Sign("some.sign", weight, "A sentence.")


def test_evidence_says_who_saw_it_and_where() -> None:
    evidence = Sign("some.sign", 3, "A sentence.").inside("inner.txt").seen_by("archive", ("outer.zip",))
    assert (evidence.analyzer, evidence.path, evidence.weight) == ("archive", ("outer.zip", "inner.txt"), 3)


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2Jb", "photo\u202egpj", "\ud800", "a" * 65536, "tab\there"])
def test_a_name_is_shown_in_one_harmless_line(name: str) -> None:
    visible = shown(name)
    assert visible.isprintable()
    assert len(visible) <= NAME_LIMIT
    visible.encode("utf-8")


def test_the_vocabulary_is_told_apart_by_name_and_speaks_in_sentences() -> None:
    signs = [value for value in vars(vocabulary).values() if isinstance(value, Sign)]
    assert len({sign.name for sign in signs}) == len(signs) > 60
    assert all(sign.sentence.endswith(".") and "." in sign.name for sign in signs)
