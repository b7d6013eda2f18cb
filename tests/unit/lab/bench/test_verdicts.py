"""A benchmark says so where mail went on without a verdict."""

from pathlib import Path

import pytest

from device import control
from lab.bench.rates import RunFailed
from lab.bench.verdicts import every_verdict_came


@pytest.mark.parametrize("missed", ["email-fallback-permitted", "email-fallback-blocked", "file-submission-failure"])
async def test_one_mail_without_a_verdict_spoils_the_run(tmp_path: Path, missed: str) -> None:
    """It would look quick."""
    counters: dict[str, int] = {"email-processed": 10, missed: 0}
    async with control.listening(tmp_path, {"statistics": lambda: {"counters": dict(counters)}}):
        await every_verdict_came(tmp_path)
        counters[missed] = 1
        with pytest.raises(RunFailed, match=missed):
            await every_verdict_came(tmp_path)
