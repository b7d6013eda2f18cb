"""docs/states.svg is drawn from the table of the session's states."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_picture_shows_the_table_as_it_is() -> None:
    """After a change of device/smtp/states.py: .venv/bin/python tools/draw-states."""
    drawn = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "draw-states"), "-"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert (ROOT / "docs" / "states.svg").read_text("utf-8") == drawn.stdout
