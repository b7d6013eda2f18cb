"""What the service itself need not carry, since workers do."""

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[4]


def test_the_service_never_loads_what_only_workers_need() -> None:
    """The heavy libraries, and the modules of the analyzers that import them, stay out of the parent."""
    program = (
        "import sys; import cloud.inspection.servicer, cloud.inspection.workers, cloud.inspection.rule_set;"
        "heavy = {'yara_x', 'oletools', 'olefile', 'pikepdf', 'pefile', 'py7zr', 'libarchive', 'magic', 'LnkParse3',"
        "'msoffcrypto'} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=_ROOT,
        env={"PYTHONPATH": f"{_ROOT}:{_ROOT / 'proto'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
