"""Programs from elsewhere: found by name, run to their end, and missed aloud."""

from pathlib import Path

import pytest

from lab.programs import ProgramMissing, located, run, serving
from lab.site import free_address
from tests.programs import need


async def test_a_programs_end_and_words_are_told() -> None:
    done = await run("sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.status, sorted(done.said.split())) == (3, ["err", "out"])


async def test_a_program_that_does_not_end_is_ended() -> None:
    with pytest.raises(TimeoutError):
        await run("sleep", "60", seconds=0.1)


def test_a_missing_program_is_named() -> None:
    with pytest.raises(ProgramMissing, match="no-such-program"):
        located("no-such-program")


async def test_a_server_that_ends_at_once_is_not_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody answers: the time is over, and nothing stays behind."""
    monkeypatch.setattr("lab.programs.START_SECONDS", 0.2)
    with pytest.raises(TimeoutError):
        async with serving(free_address(), "true", log=tmp_path / "log"):
            pass


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_test_without_its_program_is_skipped_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    """By the name of what is missing, and of that alone."""
    monkeypatch.setenv("CI", ci)
    need("sh")
    with pytest.raises(outcome, match=r"^no-such-program not found"):
        need("sh", "no-such-program")
