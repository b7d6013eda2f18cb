"""The portal in a real browser: the strict cookie arrives, buttons work without script, and nothing is loaded from afar."""

from dataclasses import replace
from pathlib import Path

import pytest

from cloud.quarantine.lifecycle import Act, Actor, ActorKind, State
from tests.browser.chromium import PROGRAM, Page, chromium
from tests.unit.cloud.portal.letters import Letter, Piece, invoice, letter
from tests.unit.cloud.portal.rig import Rig
from tests.unit.cloud.portal.serving import served
from tests.unit.cloud.portal.test_preview import picture
from tests.unit.cloud.portal.test_safe_html import ATTACKS

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="there is no chromium (Debian package chromium)")


def formatted(html: str) -> Letter:
    return letter(Piece(html.encode(), content_type="text/html"), picture(), invoice())


async def follow(rig: Rig, page: Page, message: Letter) -> tuple[str, str]:
    """Open a new link, and wait for the message's page; its id and its text."""
    held = await rig.hold(message)
    await page.go(f"{rig.base_url.origin}{await rig.link_to(held)}")
    return held.id, await page.waits_for("Attachments")


async def test_a_recipient_releases_with_a_click(tmp_path: Path) -> None:
    """The link's page goes on by itself, the cookie comes along, the form is accepted, the state is told."""
    async with served(tmp_path) as rig, chromium(tmp_path / "profile") as page:
        message_id, text = await follow(rig, page, letter(Piece(b"Hello"), invoice()))
        assert "A message to you is quarantined" in text
        assert "/m/" not in await page.value("location.href")
        assert await page.value("document.cookie") == ""
        await page.press("Release")
        assert "The message is on its way" in await page.text()
        assert rig.dispatched.released == [message_id]


async def test_an_administrator_signs_in_and_decides(tmp_path: Path) -> None:
    """From the printed link to a deleted message."""
    async with served(tmp_path) as rig, chromium(tmp_path / "profile") as page:
        held = await rig.hold()
        await page.go(await rig.console_links.issue(rig.realm.id))
        await page.press("Sign in")
        assert "Read This" in await page.text()
        await page.go(f"{rig.base_url.origin}/console/messages/{held.id}")
        assert "can't be brought back" not in await page.text()
        await page.value("document.querySelector('summary.danger').click()")
        assert "can't be brought back" in await page.text()
        await page.press("Yes, delete it")
        assert "The content is destroyed" in await page.text()
        assert await rig.state_of(held) is State.DELETED
        await page.press("Sign out")
        assert "You are signed out" in await page.text()


WIDTHS = (360, 768, 1100, 1201, 1440, 1920)


async def test_the_list_fits_every_screen(tmp_path: Path) -> None:
    """With long addresses, names and subjects, and every state: nothing lies outside of the page or of the list."""
    subject = "Re: Invoice " + "and another word of it " * 20 + "x" * 200
    long = letter(
        Piece(b"Hello"),
        replace(invoice(), name="y" * 150 + ".exe"),
        mail_from=b"somebody.with.a.long.name@department.of.a.company.example.net",
        recipients=(b"first.recipient.of.this@mail.example.com", b"second@example.com"),
        fields=(("From", "a@example.net"), ("Subject", subject)),
    )
    async with served(tmp_path) as rig, chromium(tmp_path / "profile") as page:
        for act in (None, Act.RELEASE, Act.DELETE):
            held = await rig.hold(long)
            if act is not None:
                await rig.custody.act(rig.realm.id, held.id, act, Actor(ActorKind.RECIPIENT, "bob@mail.example.com"))
        await page.go(await rig.console_links.issue(rig.realm.id))
        await page.press("Sign in")
        for width in WIDTHS:
            await page.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
            )
            # Up to 1200 pixels the rows are cards, and the heads are not shown.
            parts = ".scroll, .list td" if width <= 1200 else ".scroll, .list td, .list th"
            too_wide = await page.value(
                f"[document.documentElement, ...document.querySelectorAll('{parts}')]"
                ".filter(e => e.scrollWidth > e.clientWidth).map(e => e.outerHTML.slice(0, 90))"
            )
            assert too_wide == [], (width, too_wide)


async def test_hostile_html_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    """All attacks in one message: every address that the browser asks for is ours, or carried by the page itself."""
    source = "".join(f"<div>{attack}</div>" for name, attack in ATTACKS.items() if name != "plaintext")
    async with served(tmp_path) as rig, chromium(tmp_path / "profile") as page:
        await follow(rig, page, formatted(f'<p>Hi</p><img src="cid:logo">{source}'))
        own = (rig.base_url.origin, "data:image/png", "about:")
        assert all(url.startswith(own) for url in page.requested), page.requested
        assert f"{rig.base_url.origin}/static/mail.css" in page.requested


async def test_a_framing_site_sees_nothing(tmp_path: Path) -> None:
    """No page of ours stands in another's frame (clickjacking)."""
    async with served(tmp_path) as rig, chromium(tmp_path / "profile") as page:
        foreign = tmp_path / "foreign.html"
        foreign.write_text(f'<h1>foreign</h1><iframe src="{rig.base_url.origin}/"></iframe>')
        await page.go(foreign.as_uri())
        assert any("frame-ancestors" in line and rig.base_url.origin in line for line in page.said)
