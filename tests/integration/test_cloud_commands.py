"""srx-cloud as people use it: real processes, with and without a running service."""

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from atp.enrolment_url import EnrolmentUrl
from cloud.control import console, realms, tokens
from cloud.control.door import Params, Result, ServiceDoor
from cloud.control.operation import Operation

PROGRAM = (sys.executable, "-c", "from cloud.cli import main; main()")
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("SRX_CLOUD_")},
    "PYTHONPATH": os.pathsep.join(sys.path),
    "PYTHONWARNINGS": "error",
}
ANY_PORTS = (
    *("--enrolment-listen", "127.0.0.1:0"),
    *("--device-listen", "127.0.0.1:0"),
    *("--portal-listen", "127.0.0.1:0"),
)
MINUTE = 60
ANY_TOKEN = tokens.CreateToken(None, None, 600)


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run(state: Path, *arguments: str, text: str = "", **environment: str) -> Said:
    """One command to its end."""
    done = subprocess.run(
        (*PROGRAM, *arguments, "--state", str(state)),
        env={**ENVIRONMENT, **environment},
        input=text,
        capture_output=True,
        text=True,
        timeout=MINUTE,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


def ask(state: Path, operation: Operation[Params, Result], params: Params) -> Result:
    """What a command asks of the running service, without its process."""
    return asyncio.run(ServiceDoor(state).ask(operation, params))


@contextmanager
def service(state: Path, *, ends: int = 0) -> Iterator[tuple["subprocess.Popen[str]", Any]]:
    """A running service and its ready line; it must end with that status when it is told to."""
    with subprocess.Popen(
        (*PROGRAM, "serve", "--state", str(state), "--json", "--workers", "1", *ANY_PORTS),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.communicate(timeout=MINUTE)[1]
            yield process, json.loads(line)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=MINUTE)
            assert process.returncode == ends, err
            assert "Traceback" not in err
        finally:
            process.kill()


def test_without_a_service_commands_work_on_the_state_itself(tmp_path: Path) -> None:
    """From nothing to a realm with an enrolment URL, a list and settings; each result as JSON too."""
    state = tmp_path / "state"
    missing = run(state, "realm", "list")
    assert (missing.status, state.exists()) == (1, False)
    assert "realm create" in missing.err

    assert "Next: srx-cloud token create" in run(state, "realm", "create", "acme").out
    assert state.stat().st_mode & 0o777 == 0o700
    assert all(not each.stat().st_mode & 0o077 for each in tmp_path.rglob("*"))

    url = EnrolmentUrl.parse(run(state, "token", "create", "--lifetime", "30m", "--json").json["url"])
    assert url.port == 8743
    added = run(
        state, "list", "add", "allow", "-", "b.example", "--json", text="a@example.com\n# a comment\n\n<>\n"
    ).json
    assert added["changed"] == ["*@b.example", "a@example.com", "<>"]
    shown = run(state, "settings", "set", "action=tag-and-deliver", "retention-days=7", "--json").json
    assert (shown["settings"]["action"], shown["settings"]["retention_days"]) == ("tag-and-deliver", 7)


def test_with_a_service_the_same_commands_go_through_it(tmp_path: Path) -> None:
    """One state, one writer: commands reach the service, a second service is refused, and what was done stays after it.

    The state lies under a path longer than the address of a Unix socket may be.
    """
    state = tmp_path.joinpath(*["a-folder-with-a-rather-long-name"] * 5)
    with service(state) as (process, ready):
        assert ready["pid"] == process.pid
        assert (state / "control.sock").stat().st_mode & 0o777 == 0o600
        assert run(state, "realm", "create", "acme", "--json").status == 0
        url = EnrolmentUrl.parse(run(state, "token", "create", "--json").json["url"])
        assert f"{url.host}:{url.port}" == ready["enrolment"]
        assert ssl.get_server_certificate((url.host, url.port)).startswith("-----BEGIN CERTIFICATE-----")
        with urlopen(ask(state, console.LINK, console.MakeLink(None)).url, timeout=MINUTE) as page:
            assert page.status == 200

        second = run(state, "serve", *ANY_PORTS)
        assert (second.status, str(process.pid) in second.err) == (1, True)
    assert not (state / "control.sock").exists()
    assert [realm["name"] for realm in run(state, "realm", "list", "--json").json["realms"]] == ["acme"]


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    """`srx-cloud settings show | head -0`: it ends in silence, as programs that SIGPIPE ends do; as a table and as JSON."""
    state = tmp_path / "state"
    run(state, "realm", "create", "acme")
    for flags in ((), ("--json",)):
        reading, writing = os.pipe()
        os.close(reading)
        command = (*PROGRAM, "settings", "show", "--state", str(state), *flags)
        ended = subprocess.run(
            command, env=ENVIRONMENT, stdout=writing, stderr=subprocess.PIPE, timeout=MINUTE, check=False
        )
        os.close(writing)
        assert (ended.returncode, ended.stderr) == (141, b"")


def test_a_killed_service_is_no_obstacle(tmp_path: Path) -> None:
    """Its socket file stays; commands and the next service go on where it was, with the same authority."""
    state = tmp_path / "state"
    with service(state, ends=-signal.SIGKILL) as (process, _):
        ask(state, realms.CREATE, realms.CreateRealm("acme"))
        first = EnrolmentUrl.parse(ask(state, tokens.CREATE, ANY_TOKEN).url)
        process.kill()
        process.wait(MINUTE)
    assert (state / "control.sock").exists()
    assert run(state, "list", "add", "block", "bad.example").status == 0
    with service(state):
        again = EnrolmentUrl.parse(ask(state, tokens.CREATE, ANY_TOKEN).url)
        assert again.pin == first.pin


def test_a_port_that_is_taken_is_said_to_be(tmp_path: Path) -> None:
    """And nothing is left running."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for flag in ("--device-listen", "--portal-listen"):
            refused = run(tmp_path / "state", "serve", *ANY_PORTS, flag, address)
            assert refused.status == 1
            assert f"cannot listen on {address}" in refused.err


def test_without_its_key_a_state_is_not_served(tmp_path: Path) -> None:
    """A new key would only hide that the old one is lost."""
    state = tmp_path / "state"
    run(state, "realm", "create", "acme")
    (tmp_path / "state.key").rename(tmp_path / "kept.key")
    refused = run(state, "realm", "list")
    assert refused.status == 1
    assert "master key" in refused.err
    assert not (tmp_path / "state.key").exists()
    found = run(state, "realm", "list", "--json", SRX_CLOUD_KEY_FILE=str(tmp_path / "kept.key"))
    assert found.json["realms"][0]["name"] == "acme"
