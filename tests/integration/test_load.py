"""Thousands of messages at once: none is lost, none meets an error."""

from pathlib import Path

import pytest

from lab.programs import run, smtp_sink
from lab.site import site as running_site
from lab.traffic.messages import message
from lab.traffic.samples.sample import Expected, Sample
from tests.people import Device
from tests.programs import need

pytestmark = pytest.mark.asyncio(loop_scope="session")

MESSAGES = 5_000
SESSIONS = 20


def ten_kilobytes(folder: Path) -> Path:
    """A mail of 10 KB with one attachment in base64, as smtp-source wants it: without its CRs."""
    content = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 27
    file = Sample("image", "image.png", "image/png", content, Expected.CLEAN)
    mail = message("load@example.com", "load@example.net", "Load", "One of many.\r\n", file)
    assert 9_500 < len(mail) < 10_500
    kept = folder / "mail.eml"
    kept.write_bytes(mail.replace(b"\r\n", b"\n"))
    return kept


@pytest.mark.programs
@pytest.mark.timeout(180)
async def test_five_thousand_messages_pass_without_loss_or_error(tmp_path: Path) -> None:
    """Over twenty sessions at once; the one attachment is submitted once."""
    need("smtp-source", "smtp-sink")
    async with smtp_sink(tmp_path / "sink.log") as sink, running_site(tmp_path, sink.address) as site:
        device = Device(site)
        done = await run(
            *("smtp-source", "-s", str(SESSIONS), "-m", str(MESSAGES), "-d", "-F", ten_kilobytes(tmp_path)),
            *("-f", "load@example.com", "-t", "load@example.net", str(site.smtp)),
            seconds=120,
        )
        assert (done.status, done.said) == (0, "")
        await device.counted("email-processed", MESSAGES)
        assert sink.messages == MESSAGES
        counters = await device.counters()
    assert counters["email-permitted"] == counters["email-scanned"] == MESSAGES
    assert (counters["file-submission-success"], counters["file-submission-failure"]) == (1, 0)
    assert counters["session-interested"] == SESSIONS
