"""What can't be done says so: 1 where it failed, 2 where it was asked for wrongly."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from cloud.cli import make_app


@pytest.fixture
def process() -> Iterator[None]:
    """Commands change what belongs to their whole process: set it back."""
    mask = os.umask(0o022)
    yield
    os.umask(mask)
    structlog.reset_defaults()


@pytest.fixture
def state(tmp_path: Path, process: None) -> Path:
    """With one realm, acme."""
    assert srx_cloud(tmp_path / "state", "realm", "create", "acme").exit_code == 0
    return tmp_path / "state"


def srx_cloud(state: Path, *arguments: str) -> Result:
    return CliRunner().invoke(make_app(), [*arguments, "--state", str(state)])


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("list", "add", "block", "a b@example.com"), 2, "local part"),
        (("list", "add", "neither", "a@example.com"), 2, "neither is not one of allow, block"),
        (("list", "add", "block"), 2, "ENTRY"),
        (("settings", "set", "no_such=1"), 2, "no_such"),
        (("settings", "set", "action"), 2, "KEY=VALUE"),
        (("token", "create", "--lifetime", "soon"), 2, "length of time"),
        (("token", "create", "--lifetime", "8d"), 2, "seven days"),
        (("token", "create", "--realm", "nobody"), 1, "no such realm"),
        (("quarantine", "release", "msg_x"), 1, "no such message"),
        (("quarantine", "list", "--status", "lost"), 2, ": lost is not one of held,"),
        (("device", "revoke", "device_x"), 1, "no such device"),
        (("realm", "create", "acme"), 1, "already"),
        (("realm", "create", "a b"), 2, "no name"),
        (("device", "revoke", "device_x", "--reason", "grey"), 2, ": grey is not one of"),
        (("serve", "--log-level", "grey"), 2, ": grey is not one of debug,"),
        (("no-such-command",), 2, "no-such-command"),
        (("serve", "--device-listen", "nowhere"), 2, "--device-listen"),
    ],
)
def test_a_sentence_a_next_step_and_a_status(state: Path, arguments: tuple[str, ...], status: int, said: str) -> None:
    """On standard error; standard output is for results."""
    refused = srx_cloud(state, *arguments)
    assert (refused.exit_code, refused.stdout) == (status, "")
    assert said in refused.stderr


@pytest.mark.parametrize("command", [("realm", "list"), ("realm", "create", "acme")])
@pytest.mark.parametrize("below", ["", "state"])
def test_a_file_is_no_state_folder(tmp_path: Path, process: None, command: tuple[str, ...], below: str) -> None:
    """Nor is a place below one."""
    (tmp_path / "file").write_text("")
    refused = srx_cloud(tmp_path / "file" / below, *command)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "file is a file, not a folder" in refused.stderr


def test_what_a_list_has_already_is_said_so(state: Path) -> None:
    """Added twice, and removed twice."""
    said = [
        srx_cloud(state, "list", act, "allow", "a@example.com").stdout for act in ("add", "add", "remove", "remove")
    ]
    assert said == [
        "a@example.com\n1 added to the allow list of acme.\n",
        "0 added to the allow list of acme, 1 already there.\n",
        "a@example.com\n1 removed from the allow list of acme.\n",
        "0 removed from the allow list of acme, 1 not there.\n",
    ]


def test_for_programs_the_error_is_json(tmp_path: Path, process: None) -> None:
    """With the same stable reason as on the wire."""
    refused = srx_cloud(tmp_path / "none", "realm", "list", "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["error"]["reason"] == "NOT_FOUND"


def test_every_command_explains_itself(process: None) -> None:
    """--help of each, with a sentence for each command."""
    pages = CliRunner().invoke(make_app(), ["--help"])
    assert pages.exit_code == 0
    for name in ("serve", "realm", "token", "device", "console", "quarantine", "list", "settings", "events"):
        page = CliRunner().invoke(make_app(), [name, "--help"])
        assert (page.exit_code, page.stdout.count("Usage")) == (0, 1)
        assert "--state" in page.stdout or "Commands" in page.stdout
