"""What a profile says of a mail."""

import cProfile
import io
from pathlib import Path

from rich.console import Console

from lab.bench.profiled import spent, table


def slow() -> int:
    return sum(number * number for number in range(20_000))


def calls_it_twice() -> int:
    return slow() + slow()


def test_calls_and_time_are_told_by_the_mail(tmp_path: Path) -> None:
    """Two mails here; the most of its own time comes first."""
    profiler = cProfile.Profile()
    for _ in range(2):
        profiler.runcall(calls_it_twice)
    profiler.dump_stats(tmp_path / "profile")
    found = spent(tmp_path / "profile", mails=2)
    by_name = {each.function.rpartition(" ")[2]: each for each in found}
    assert by_name["slow"].calls == 2
    assert by_name["calls_it_twice"].total >= by_name["slow"].total > by_name["slow"].own
    assert found[0].own == max(each.own for each in found)
    said = io.StringIO()
    Console(file=said, width=200).print(table(found, 2))
    assert "lab/bench/test_profiled.py" in said.getvalue()
    assert "2 mails of 10 KB" in said.getvalue()
