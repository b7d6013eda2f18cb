"""The generated modules are those of the .proto files beside them."""

import subprocess
import sys
from pathlib import Path

from tests.house.tree import ROOT


def test_generated_modules_are_not_stale(tmp_path: Path) -> None:
    """`make proto` would change nothing."""
    subprocess.run(
        [ROOT / "tools" / "generate-proto", sys.executable, tmp_path],
        check=True,
        cwd=ROOT,
        capture_output=True,
        timeout=60,
    )
    fresh = {path.name: path.read_bytes() for path in (tmp_path / "atp" / "v1").iterdir()}
    kept = {path.name: path.read_bytes() for path in (ROOT / "proto" / "atp" / "v1").glob("*_pb2*")}
    assert fresh == kept
