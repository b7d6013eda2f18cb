"""The inbox in a browser, over real sockets."""

from collections.abc import AsyncIterator
from email.message import EmailMessage

import httpx
import pytest

from cloud.address import Address
from lab.demo.visitor import Page
from lab.mailserver.server import MailServer, mail_server
from lab.traffic.senders import send

ANY = Address("127.0.0.1", 0)


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server(ANY, ANY) as made:
        yield made


@pytest.fixture
async def browser(server: MailServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://{server.http}", timeout=20) as made:
        yield made


async def test_from_the_list_to_a_message_its_link_and_its_file(server: MailServer, browser: httpx.AsyncClient) -> None:
    """As a person goes, link by link."""
    assert Page.read((await browser.get("/")).text).says("Nothing has arrived yet")
    mail = EmailMessage()
    mail["Subject"] = "Quarantined"
    mail.set_content("Look: http://127.0.0.1:8780/m/abc-def\n")
    mail.add_attachment(b"\x00\x01\x02", maintype="application", subtype="zip", filename="ü.zip")
    await send(server.smtp, "a@example.com", ["me@example.net"], mail.as_bytes())

    listed = Page.read((await browser.get("/")).text)
    assert listed.says("me@example.net")
    (onward,) = (link for link in listed.links if link.endswith("/view"))
    shown = Page.read((await browser.get(onward)).text)
    assert "http://127.0.0.1:8780/m/abc-def" in shown.links
    (file,) = (link for link in shown.links if "/attachments/" in link)
    saved = await browser.get(file)
    assert saved.content == b"\x00\x01\x02"
    assert saved.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%C3%BC.zip"


async def test_what_strangers_wrote_is_text(server: MailServer, browser: httpx.AsyncClient) -> None:
    """Markup in a subject, a text or a file's name is shown, not obeyed; and no script could run."""
    evil = b"<script>alert(1)</script>"
    content = b'Subject: %s\r\nFrom: %s\r\nContent-Disposition: attachment; filename="%s"\r\n\r\n%s' % ((evil,) * 4)
    await send(server.smtp, "a@example.com", ["me@example.net"], content)
    await send(server.smtp, "a@example.com", ["me@example.net"], b"\r\n" + evil)
    for path in ("/", "/messages/1/view", "/messages/2/view"):
        page = await browser.get(path)
        assert "<script" not in page.text
        assert "&lt;script" in page.text
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/messages/1", 404),
        ("/messages/1/view", 404),
        ("/messages/1/attachments/1", 404),
        ("/messages?to=a@example.net&wait=soon", 400),
        ("/messages?to=a@example.net&wait=-1", 400),
    ],
)
async def test_what_is_not_there_is_said_to_be(browser: httpx.AsyncClient, path: str, status: int) -> None:
    """And a wait is a number of messages."""
    assert (await browser.get(path)).status_code == status
