"""How one file goes through the analyzers."""

from collections.abc import Iterator

import pytest

from cloud.analyzers.budget import Budget, Limits
from cloud.analyzers.evidence import Child, File, Finding, Sign
from cloud.analyzers.kinds import Kind
from cloud.inspection.examination import Examination
from cloud.inspection.score import is_unopened, score
from cloud.inspection.verdicts import Findings

_SEEN = Sign("some.sign", 3, "Seen.")


class OneKind:
    def kind(self, content: bytes) -> Kind:
        return Kind("text/plain" if content else "")


class Scripted:
    """An analyzer that does what the file says, one letter a step."""

    name = "scripted"

    def wants(self, file: File) -> bool:
        return bool(file.content)

    def examine(self, file: File, budget: Budget) -> Iterator[Finding]:
        for step in file.content:
            yield from self._steps(bytes([step]), file, budget)

    def _steps(self, step: bytes, file: File, budget: Budget) -> Iterator[Finding]:
        match step:
            case b"s":
                yield _SEEN
            case b"c":
                yield Child("inner", b"s")
            case b"d":
                yield Child(f"inner {len(file.content)}", file.content + b"d")
            case b"q":
                yield Child("itself", file.content)
            case b"m":
                yield from self._many()
            case b"!":
                raise KeyError("a library's surprise")
            case b"b":
                budget.unpacked(1 << 40)
            case b"t":
                raise RecursionError

    def _many(self) -> Iterator[Finding]:
        for number in range(1000):
            yield Sign(f"light.{number}", 1, "Light.")
        yield Sign("heavy.one", 9, "Heavy.")


def examine(content: bytes, limits: Limits | None = None) -> Findings:
    analyzers = (Scripted(), Scripted())
    return Examination(OneKind(), analyzers, Budget(limits or Limits(), lambda: 0.0)).examine(content)


def test_a_sign_becomes_evidence_once() -> None:
    assert [each.name for each in examine(b"sss").evidence] == ["some.sign"]


def test_a_child_is_examined_at_its_path() -> None:
    assert [each.path for each in examine(b"sc").evidence] == [(), ("inner",)]


def test_an_analyzer_that_stumbles_takes_nothing_with_it() -> None:
    """What it saw before counts, the others go on, and the log learns the type of the error."""
    findings = examine(b"s!")
    assert {each.name for each in findings.evidence} == {"some.sign", "analysis.damaged"}
    assert is_unopened(findings.evidence)
    assert findings.stumbles == ("scripted: KeyError", "scripted: KeyError")


@pytest.mark.parametrize("content", [b"sq", b"sqqq"])
def test_a_file_that_holds_itself_ends(content: bytes) -> None:
    assert {each.name for each in examine(content).evidence} == {"some.sign", "archive.holds-itself"}


def test_nesting_ends() -> None:
    findings = examine(b"sd")
    assert "archive.too-deep" in {each.name for each in findings.evidence}
    assert max(len(each.path) for each in findings.evidence) == Limits().depth


def test_the_same_file_under_the_same_name_is_examined_once() -> None:
    """Or each level of a nest of sixteen times the same archive would cost sixteen times as much."""
    assert [each.path for each in examine(b"cccc").evidence] == [("inner",)]


def test_a_spent_budget_ends_the_whole_examination_but_not_what_was_seen() -> None:
    findings = examine(b"sbs")
    assert {each.name for each in findings.evidence} == {"some.sign", "archive.too-much"}


def test_a_heavy_sign_after_a_flood_of_light_ones_still_counts() -> None:
    findings = examine(b"m")
    assert score(findings.evidence) >= 9
    assert len(findings.evidence) <= 201


def test_the_same_file_gives_the_same_findings() -> None:
    assert len({examine(b"smcs!") for _ in range(3)}) == 1


def test_time_that_runs_out_marks_the_findings_as_passing() -> None:
    seconds = iter(range(0, 1000, 30))
    findings = Examination(OneKind(), (Scripted(),), Budget(Limits(seconds=20), lambda: float(next(seconds)))).examine(
        b"sb"
    )
    assert findings.passing
    assert {each.name for each in findings.evidence} == {"some.sign", "analysis.timeout"}
