"""The wheel is whole: installed elsewhere, its commands run."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.house.tree import ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean environment with nothing but the built wheel in it; its dependencies are the ones of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=100)
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=100)
    return target


@pytest.mark.parametrize("command", ["srx", "srx-cloud", "srx-lab"])
def test_each_command_runs_from_another_folder(installed: Path, tmp_path: Path, command: str) -> None:
    """--help of every command works from the wheel alone, with data files and generated modules in it."""
    dependencies = sysconfig.get_paths()["purelib"]
    start = (
        f"import site, sys; sys.path.insert(0, {str(installed)!r});"
        f"sys.path.append({dependencies!r});"
        "from importlib.metadata import entry_points;"
        f"main = next(iter(entry_points(group='console_scripts', name={command!r}))).load();"
        f"assert sys.modules[main.__module__].__file__.startswith({str(installed)!r});"
        f"sys.argv = [{command!r}, '--help']; main()"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", start],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "Usage" in run.stdout


def test_the_wheel_carries_what_is_not_python(installed: Path) -> None:
    """Templates, rules, migrations and .proto files are inside."""
    for part in ("device", "cloud", "lab", "proto/atp"):
        folder = ROOT / part
        data = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc", ".pyi"}]
        for path in data:
            assert (installed / folder.name / path.relative_to(folder)).exists(), path
