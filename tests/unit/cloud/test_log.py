"""What is logged, and how: to standard error, without tracebacks for people."""

import json
from collections.abc import Iterator

import pytest
import structlog

from cloud import log
from cloud.settings import LogFormat, LogLevel


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def failing() -> None:
    try:
        int("in the depths")
    except ValueError:
        structlog.get_logger().exception("thing.failed", id="x")


def test_machines_get_one_json_object_a_line_with_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error alone; what is below the level is left out."""
    log.configure(LogLevel.INFO, LogFormat.JSON)
    structlog.get_logger().debug("too.fine")
    structlog.get_logger().info("thing.done", id="x")
    failing()
    out, err = capsys.readouterr()
    assert out == ""
    done, failed = (json.loads(line) for line in err.splitlines())
    assert (done["event"], done["id"], done["level"]) == ("thing.done", "x", "info")
    assert failed["exception"][0]["exc_type"] == "ValueError"


def test_people_get_the_kind_of_error_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """At debug level they asked for it."""
    log.configure(LogLevel.INFO, LogFormat.TEXT)
    failing()
    _, err = capsys.readouterr()
    assert len(err.splitlines()) == 1
    assert "ValueError" in err
    assert "depths" not in err
    log.configure(LogLevel.DEBUG, LogFormat.TEXT)
    failing()
    assert "in the depths" in capsys.readouterr().err


@pytest.mark.parametrize(("environment", "logged"), [({}, False), ({"SRX_CLOUD_LOG_LEVEL": "info"}, True)])
def test_a_command_logs_next_to_nothing_unless_it_is_asked_to(
    capsys: pytest.CaptureFixture[str], environment: dict[str, str], logged: bool
) -> None:
    """It says itself what it did."""
    log.configure_for_command(environment)
    structlog.get_logger().info("command.done")
    assert ("command.done" in capsys.readouterr().err) is logged
