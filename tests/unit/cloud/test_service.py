"""The parts of the service that need no service."""

import asyncio
import json
from collections.abc import Iterator

import pytest
import structlog

from cloud import log
from cloud.portal.base_url import BaseUrl
from cloud.service import mail_host, note_failure
from cloud.settings import LogFormat, LogLevel


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    yield
    structlog.reset_defaults()


async def test_what_fails_in_the_loop_is_logged_by_kind_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    """An error's text may quote a statement's parameters, and those are people's addresses."""

    def fail(address: str) -> None:
        raise ValueError(address)

    log.configure(LogLevel.INFO, LogFormat.JSON)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(note_failure)
    loop.call_soon(fail, "secret@example.com")
    loop.call_soon(loop.call_exception_handler, {"message": "nothing was raised"})
    await asyncio.sleep(0)
    err = capsys.readouterr().err
    first, second = (json.loads(line) for line in err.splitlines())
    assert (first["event"], first["error"], first["at"].split(":")[0]) == ("loop.failure", "ValueError", "fail")
    assert (second["what"], second["error"]) == ("nothing was raised", "")
    assert "secret" not in err


@pytest.mark.parametrize(
    ("portal", "host"),
    [
        ("https://quarantine.example.com/mail", "quarantine.example.com"),
        ("http://localhost:8780", "localhost"),
        ("http://127.0.0.1:8780", "localhost"),
        ("https://[2001:db8::1]", "localhost"),
    ],
)
def test_our_name_in_mail_is_the_portals(portal: str, host: str) -> None:
    """An address is no domain that a Message-ID or a From could bear."""
    assert mail_host(BaseUrl.parse(portal)) == host
