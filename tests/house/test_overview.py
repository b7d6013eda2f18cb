"""docs/overview.md names tests that are there, and leaves no sentence of the emulated text without one."""

import ast
import re

from tests.house.tree import ROOT, functions

PAGE = ROOT / "docs" / "overview.md"
NAMED = re.compile(r"\[([\w.]+)::(\w+)\]\(([^)]+)\)")
SENTENCES = 17


def rows() -> list[tuple[str, str]]:
    """Sentence and proof of each row."""
    cells = (line.strip("|").split("|") for line in PAGE.read_text().splitlines() if line.startswith('| "'))
    return [(sentence.strip(), proof) for sentence, proof in cells]


def test_each_sentence_has_a_test() -> None:
    assert len(rows()) == SENTENCES
    assert [sentence for sentence, proof in rows() if not NAMED.search(proof)] == []


def test_each_named_test_is_there() -> None:
    """By its name, in the file that the link leads to."""
    for name, test, target in NAMED.findall(PAGE.read_text()):
        path = (PAGE.parent / target).resolve()
        assert path.name == name
        assert test in {each.name for each in functions(ast.parse(path.read_text()))}, f"{name}::{test}"


def test_each_linked_test_file_is_named_by_what_it_is() -> None:
    """No proof is a link to a whole file: those stand in the introduction alone."""
    for _, proof in rows():
        assert len(NAMED.findall(proof)) == proof.count("](")
