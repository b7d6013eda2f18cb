"""docs/integration.md: its example of a gRPC client runs as it stands there."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from lab.site import Site
from lab.traffic.samples.documents import macro_document
from tests.people import People, mail

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = Path(__file__).parents[2] / "docs" / "integration.md"


def example() -> str:
    """The block of Python that looks up a verdict."""
    (found,) = (block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "grpc" in block)
    return str(found)


async def test_the_example_looks_up_a_verdict(site: Site, people: People, tmp_path: Path) -> None:
    """Of a file that this realm has met; of another one it prints nothing."""
    document = macro_document()
    await people.deliver(mail("page-reader@example.net", document))
    (tmp_path / "known").write_bytes(document.content)
    (tmp_path / "unknown").write_bytes(os.urandom(32))
    known, unknown = [await _printed(site, tmp_path / name) for name in ("known", "unknown")]
    assert int(known.split()[0]) >= 7
    assert unknown == ""


async def _printed(site: Site, file: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "SRX_STATE": str(site.device_state)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", example(), str(file)),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    return out.decode()
