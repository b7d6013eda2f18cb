"""What strangers wrote stands on our pages as text, and in the frame as HTML that does nothing."""

import html
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from cloud.portal.pages import day, kilobytes, moment, short_moment, short_who, size, who
from tests.unit.cloud.portal.letters import Piece, invoice, letter
from tests.unit.cloud.portal.rig import Browser, Rig
from tests.unit.cloud.portal.test_safe_html import ATTACKS, inspect

NASTY = {
    "element": "<script>alert(1)</script>",
    "attribute": '"><img src=x onerror=alert(1)>',
    "single quotes": "' onmouseover='alert(1)",
    "template": "{{ 7 * 7 }}{% raw %}${7*7}",
    "entities": "&lt;script&gt;&#x3c;script&#62;",
    "frame's end": "</iframe></body><script>alert(1)</script>",
    "comment": "<!-- --!><script>alert(1)</script>",
}


@pytest.mark.parametrize("nasty", NASTY.values(), ids=NASTY)
async def test_text_from_outside_is_text(rig: Rig, browser: Browser, nasty: str) -> None:
    """Subject, names, addresses, types, fields, words: on the recipient's page, the console's, and in its list."""
    sender = f'"{nasty}"@example.net'.encode()
    message = letter(
        Piece(nasty.encode()),
        Piece(b"x", content_type=nasty, role=invoice().role, name=nasty, score=9),
        fields=(("From", nasty), ("To", nasty), ("Subject", nasty), ("Date", nasty), (nasty, nasty)),
        mail_from=sender,
        recipients=(sender,),
    )
    held = await rig.hold(message)
    await rig.sign_in(browser)
    for path in (await rig.open(browser, held), "/console", f"/console/messages/{held.id}"):
        page = (await browser.get(path)).text
        assert html.escape(nasty, quote=False) in page.replace("&#39;", "'").replace("&#34;", '"'), path
        outside = re.sub(r'srcdoc="[^"]*"', "", page)
        for tag in ("<script", "<img src=x", "</iframe></body>", "<!-- --!>", " onmouseover='"):
            assert tag not in outside, path


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_html_stays_in_its_frame(rig: Rig, browser: Browser, attack: str) -> None:
    """A sandbox that allows nothing, with a policy of its own; inside of it, nothing that acts."""
    path = await rig.open(browser, await rig.hold(letter(Piece(f"<p>{attack}</p>".encode(), content_type="text/html"))))
    page = (await browser.get(path)).text
    frames = re.findall(r'<iframe class="mail" sandbox title="[^"]*" srcdoc="([^"]*)"></iframe>', page)
    assert page.count("<iframe") == len(frames) <= 1
    for frame in map(html.unescape, frames):
        assert "default-src &#39;none&#39;" in frame or "default-src 'none'" in frame
        body = re.search(r'<body dir="auto">(.*)</body>', frame, re.DOTALL)
        assert body is not None
        inspect(body[1])


async def test_no_page_of_ours_has_script_or_style_in_it(rig: Rig, browser: Browser) -> None:
    """They would need holes in the policy."""
    held = await rig.hold(letter(Piece(b"<p>Hi</p>", content_type="text/html"), invoice()))
    await rig.sign_in(browser)
    for path in (
        "/",
        "/m/x",
        await rig.link_to(held),
        await rig.open(browser, held),
        "/console",
        f"/console/messages/{held.id}",
    ):
        page = (await browser.get(path)).text
        assert "<script" not in page
        assert "style=" not in page
        assert "<style" not in page
        assert not re.search(r"\son\w+=", page)


def test_times_and_sizes_are_for_people() -> None:
    """In UTC, and said so; KB as the vendor's list has them."""
    assert moment(datetime(2025, 11, 5, 9, 3, tzinfo=timezone(timedelta(hours=2)))) == "5 November 2025, 07:03 UTC"
    assert moment(datetime(2025, 11, 25, tzinfo=UTC)) == "25 November 2025, 00:00 UTC"
    assert short_moment(datetime(2026, 1, 5, 9, tzinfo=UTC)) == "Jan 5, 09:00"
    assert day(datetime(2026, 1, 5, 1, tzinfo=timezone(timedelta(hours=2)))) == "Jan 4"
    assert [size(count) for count in (0, 1023, 1536, 5 * 1024 * 1024)] == ["0 bytes", "1023 bytes", "1.5 KB", "5.0 MB"]
    assert [kilobytes(count) for count in (0, 1, 1024, 1025)] == ["0", "1", "1", "2"]
    assert who("recipient:alice@example.com") == "recipient (alice@example.com)"
    assert who("administrator") == "administrator"
    assert [short_who(each) for each in ("administrator:console", "recipient", "system:expired")] == [
        "console",
        "recipient",
        "",
    ]
    assert who("system:expired") == "its time was over"
