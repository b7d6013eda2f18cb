"""Every dialogue of tests/dialogues, through a real listener on real sockets, on both event loops."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.dialogue_script import Run, Script

DIALOGUES = sorted((Path(__file__).parent.parent / "dialogues").glob("*.smtp"))
Runner = Callable[[Coroutine[Any, Any, None]], None]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_the_dialogue_goes_as_it_is_written(path: Path, run: Runner) -> None:
    """An orderly reply or passing on as bytes; nothing hangs, nothing crashes."""
    script = Script.read(path)

    async def play() -> None:
        await Run(script).play()

    run(play())


def test_each_dialogue_says_what_it_guards() -> None:
    """A dialogue without a heading guards nothing that anyone could find."""
    assert len(DIALOGUES) >= 100
    assert [path.name for path in DIALOGUES if not Script.read(path).about] == []
