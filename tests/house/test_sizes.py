"""Files and functions stay small enough to be read at one sitting."""

import ast

import pytest

from tests.house.tree import ROOT, SOURCES, functions, python_files

FILE_LINES = 400
FUNCTION_LINES = 60
NESTING = 3
WIDE_EXCEPTS = 6
_DEEPER = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)


def test_no_file_passes_the_wall() -> None:
    """400 lines are the wall, for sources and tests."""
    long = {
        str(path.relative_to(ROOT)): lines
        for path in python_files(*SOURCES, ROOT / "tests")
        if (lines := len(path.read_text().splitlines())) > FILE_LINES
    }
    assert not long, f"two rooms would be easier to live in: {long}"


def test_no_function_is_too_long() -> None:
    """A function has at most 60 lines, docstring included."""
    long = {
        f"{path.relative_to(ROOT)}:{function.name}": lines
        for path in python_files(*SOURCES)
        for function in functions(ast.parse(path.read_text()))
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LINES
    }
    assert not long


def test_nesting_is_shallow() -> None:
    """Blocks nest at most three levels deep in a function."""
    deep = {
        f"{path.relative_to(ROOT)}:{function.name}"
        for path in python_files(*SOURCES)
        for function in functions(ast.parse(path.read_text()))
        if _depth(function) > NESTING
    }
    assert not deep


def _depth(node: ast.AST) -> int:
    """The deepest run of blocks below a node; an elif is its if's sibling, inner functions count for themselves."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, _depth(child) + (isinstance(child, _DEEPER) and not is_elif))
    return deepest


def test_wide_excepts_stand_only_at_named_boundaries() -> None:
    """A session, an RPC, a request, a job: at most six places catch everything."""
    wide = [
        f"{path.relative_to(ROOT)}:{handler.lineno}"
        for path in python_files(*SOURCES)
        for handler in ast.walk(ast.parse(path.read_text()))
        if isinstance(handler, ast.ExceptHandler) and _catches_all(handler)
    ]
    assert len(wide) <= WIDE_EXCEPTS, wide


def _catches_all(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in {"Exception", "BaseException"}
    )


@pytest.mark.parametrize(
    ("source", "depth"),
    [
        ("def f():\n if a:\n  for b in c:\n   pass", 2),
        ("def f():\n if a:\n  pass\n elif b:\n  pass", 1),
        ("def f(): pass", 0),
    ],
)
def test_depth_counts_blocks(source: str, depth: int) -> None:
    """The measure itself: an elif is no level deeper."""
    assert _depth(ast.parse(source).body[0]) == depth
