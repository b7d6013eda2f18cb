"""docs/architecture.md tells of every reason that an error of the wire can have, and of the code that comes with it."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
from google.rpc.code_pb2 import Code

from atp.reasons import Reason
from cloud import errors
from cloud.errors import CloudError
from tests.house.tree import ROOT, python_files

PAGE = ROOT / "docs" / "architecture.md"
ROW = re.compile(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \| ([A-Z_, ]+) \| .+ \|$", re.MULTILINE)
FAMILY = {name: each for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, CloudError)}


def told() -> list[tuple[str, set[str]]]:
    """Each reason of the table, with its row's codes."""
    return [
        (reason, set(codes.split(", ")))
        for reasons, codes in ROW.findall(PAGE.read_text())
        for reason in re.findall(r"[A-Z_]+", reasons)
    ]


@cache
def raised() -> dict[Reason, set[str]]:
    """The codes that each reason has in the code: errors' own reasons, and those that are given where they are made."""
    found: dict[Reason, set[str]] = {each: set() for each in Reason}
    for error in FAMILY.values():
        found[error.default_reason].add(Code.Name(error.grpc_code))
    for error, reason in given():
        found[reason].add(Code.Name(error.grpc_code))
    return found


def given() -> Iterator[tuple[type[CloudError], Reason]]:
    for path in python_files(ROOT / "cloud"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in FAMILY:
                reasons = [each.value for each in call.keywords if each.arg == "reason"]
                yield from (
                    (FAMILY[call.func.id], Reason[each.attr]) for each in reasons if isinstance(each, ast.Attribute)
                )


def test_each_reason_stands_in_the_table_once() -> None:
    assert sorted(reason for reason, _ in told()) == sorted(Reason)


def test_the_tables_codes_are_codes() -> None:
    assert {code for _, codes in told() for code in codes} <= set(Code.keys())


@pytest.mark.parametrize("reason", list(Reason))
def test_the_code_that_comes_with_a_reason_is_told(reason: Reason) -> None:
    """A Conflict without a reason of its own is for people: no call of a device meets it."""
    for_people = {"FAILED_PRECONDITION"} if reason is Reason.INVALID_REQUEST else set()
    assert raised()[reason] - for_people <= dict(told())[reason]
