"""The lines that --keep prints can be pasted."""

import subprocess
from pathlib import Path

from cloud.address import Address
from lab.demo.hints import how_to_use
from lab.site import Site


def test_after_the_first_line_the_short_commands_are_found(tmp_path: Path) -> None:
    """From a shell that knows nothing: the commands, and this site's state."""
    folder = tmp_path / "a folder's name"
    lines = how_to_use(Site(folder, Address("127.0.0.1", 25), "http://127.0.0.1:80"))
    (export,) = (line.strip() for line in lines if "export " in line)
    asked = f'{export}; command -v srx srx-cloud >/dev/null && echo "$SRX_STATE|$SRX_CLOUD_STATE"'
    said = subprocess.run(
        ["/bin/sh", "-c", asked], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True, timeout=30
    )
    assert said.stdout == f"{folder / 'device'}|{folder / 'cloud'}\n"
    assert lines.index(f"  {export}") < next(number for number, line in enumerate(lines) if "srx-cloud " in line)


def test_without_inboxes_none_is_named(tmp_path: Path) -> None:
    """With --server."""
    assert not any("Read what arrived" in line for line in how_to_use(Site(tmp_path, Address("127.0.0.1", 25), None)))
