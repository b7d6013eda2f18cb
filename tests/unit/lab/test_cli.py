"""srx-lab says what went wrong in a sentence."""

import socket
import sys
from pathlib import Path

import pytest

from cloud.address import Address
from lab import cli
from lab.serving import answers


@pytest.mark.parametrize("flag", ["--smtp", "--http"])
def test_a_port_that_is_taken_is_said_to_be(monkeypatch: pytest.MonkeyPatch, flag: str) -> None:
    """Exit 1, and which one it is."""
    other = "--http" if flag == "--smtp" else "--smtp"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setattr(sys, "argv", ["srx-lab", "mailserver", f"{flag}={address}", f"{other}=127.0.0.1:0"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    # A text is printed to standard error, and the exit code is 1.
    assert ended.value.code == f"srx-lab: cannot listen on {address}: Address already in use"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "rates,speed"], "a list of rates, cpu, latency"),
        (["--profile", "--json"], "--profile goes with --quick alone"),
        (["--profile", "--only", "tls"], "--profile goes with --quick alone"),
    ],
)
def test_a_benchmark_that_is_not_there_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """Exit 2, before anything is started."""
    monkeypatch.setattr(sys, "argv", ["srx-lab", "bench", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert said in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_a_server_of_ones_own_must_greet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Before anything is started for it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        monkeypatch.setattr(sys, "argv", ["srx-lab", "demo", "--server", address])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert ended.value.code == 1
    assert f"No mail server greets at {address}" in capsys.readouterr().out


async def test_something_that_is_no_mail_server_does_not_answer() -> None:
    """It is closed, or it says something else."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert not await answers(Address(*bound.getsockname()))
