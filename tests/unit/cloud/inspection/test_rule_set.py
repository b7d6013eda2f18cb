"""The name of the rule set."""

import re
from pathlib import Path

import pytest

from cloud.analyzers.budget import Limits
from cloud.inspection.rule_set import rule_set


def test_the_name_is_the_same_each_time() -> None:
    assert rule_set(Limits()) == rule_set(Limits())
    assert re.fullmatch(r"rules-[0-9a-f]{16}", rule_set(Limits()))


def test_other_limits_are_another_rule_set() -> None:
    assert rule_set(Limits(depth=3)) != rule_set(Limits())


def test_another_rule_or_another_line_of_an_analyzer_is_another_rule_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yar").write_text("rule a {}")
    (tmp_path / "pdf.py").write_text("x = 1")
    (tmp_path / "score.py").touch()
    for name in ("examination.py", "verdicts.py", "worker.py"):
        (tmp_path / name).touch()
    monkeypatch.setattr("cloud.inspection.rule_set.resources.files", lambda _: tmp_path)
    names = [rule_set(Limits())]
    (tmp_path / "rules" / "a.yar").write_text("rule b {}")
    names.append(rule_set(Limits()))
    (tmp_path / "pdf.py").write_text("x = 2")
    names.append(rule_set(Limits()))
    (tmp_path / "score.py").write_text("x = 3")
    names.append(rule_set(Limits()))
    assert len(set(names)) == 4
