"""Rooms are where the design says, and say what they are for."""

import ast
import re

from tests.house.tree import ROOT, SOURCES, python_files

UNWELCOME = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def test_packages_hold_a_docstring_and_no_code() -> None:
    """An __init__.py says which step of the way its room is, and does nothing on import."""
    for path in python_files(*SOURCES):
        if path.name == "__init__.py":
            body = ast.parse(path.read_text()).body
            assert len(body) == 1, path
            assert ast.get_docstring(ast.parse(path.read_text())), path


def test_proto_is_no_package() -> None:
    """proto/ is a source root: another distribution installs a package of that name."""
    assert not (ROOT / "proto" / "__init__.py").exists()


def test_names_say_something() -> None:
    """No drawer for odds and ends, no underscore modules."""
    for path in python_files(*SOURCES):
        assert path.stem not in UNWELCOME, path
        assert path.stem.startswith("__") or not path.stem.startswith("_"), path


def test_a_room_is_listed_in_its_parts_table_of_contents() -> None:
    """device/__init__.py and cloud/__init__.py name every room below them."""
    for part in ("device", "cloud"):
        told = (ROOT / part / "__init__.py").read_text()
        rooms = {path.parent.name for path in (ROOT / part).glob("*/__init__.py")}
        assert rooms <= set(re.findall(r"\w+", told)), part


def test_links_of_the_documentation_lead_somewhere() -> None:
    """Each relative link of README, CONTRIBUTING and docs/ names a file that is there."""
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in LINK.findall(page.read_text()):
            assert (page.parent / target).resolve().exists(), f"{page.relative_to(ROOT)} → {target}"


def test_sql_stands_in_storage_alone() -> None:
    """Only cloud/storage imports SQLAlchemy."""
    for path in python_files(*SOURCES):
        if "storage" not in path.parts:
            assert not re.search(r"^\s*(from|import) sqlalchemy", path.read_text(), re.MULTILINE), path


def test_pages_stand_in_templates_alone() -> None:
    """No tag of HTML in a string of the cloud's code, but where HTML is taken apart."""
    tag = re.compile(r"<(html|body|div|table|form|p|a href)\b", re.IGNORECASE)
    for path in python_files(ROOT / "cloud"):
        strings = (
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )
        if "analyzers" not in path.parts:
            assert not any(tag.search(text) for text in strings), path
