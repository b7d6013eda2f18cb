"""A device that can't start says why in a sentence, and has changed nothing."""

import subprocess
from pathlib import Path

from lab.processes import command_line
from tests.programs import need, need_root


def started(tmp_path: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run a device that ends by itself."""
    command = command_line("srx", "run", f"--state={tmp_path / 'state'}", *flags)
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_an_address_that_can_not_be_had(tmp_path: Path) -> None:
    """192.0.2.0/24 is nobody's: no traceback."""
    ended = started(tmp_path, "--server=127.0.0.1:1", "--listen=192.0.2.1:2525", "--accept-open-relay")
    assert ended.returncode == 2
    assert "srx: can't listen on 192.0.2.1:2525" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_no_mail_server(tmp_path: Path) -> None:
    ended = started(tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "srx: no mail server is named" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_transparent_interception_without_the_privilege(tmp_path: Path) -> None:
    """The sentence names what is missing: here a capability, since root gave it away."""
    need("setpriv", "nft", "ip")
    need_root("giving privileges away")
    command = command_line("srx", "run", f"--state={tmp_path / 'state'}", "--intercept=transparent")
    without = ["setpriv", "--bounding-set=-net_admin,-net_raw", "--inh-caps=-all", *command]
    ended = subprocess.run(without, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert "can't be intercepted transparently here: it needs root, or the capability CAP_NET_ADMIN" in ended.stderr
    assert "Traceback" not in ended.stderr
