"""What is in quarantine is readable through the service alone: not in the cloud's files, at any time, nor in a log."""

import base64
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.quarantine.lifecycle import State
from lab.demo.visitor import Visitor, attachments_of, parsed
from lab.site import Site
from lab.traffic.samples.sample import Expected, Sample
from tests.people import Administrator, Mail, People, mail

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLACES = ("subject", "text", "name", "content")


def marked(address: str) -> tuple[Mail, dict[str, str]]:
    """A malicious mail with a word of chance in each place of its content."""
    words = {place: f"{place}-{secrets.token_hex(12)}" for place in PLACES}
    content = f"SRXLAB-SCORE: 9\n{words['content']}\n".encode()
    file = Sample("marked", f"{words['name']}.txt", "text/plain", content, Expected.MALICIOUS)
    subject, text = f"About {words['subject']}", f"It says {words['text']}.\r\n"
    sent = mail(f"{address}@example.net", file, sender=f"{address}@example.com", subject=subject, text=text)
    return sent, words


def spelled(word: str) -> Iterator[bytes]:
    """The word as it may stand in a file: plain, in the wide encoding, and in base64, wherever a line of it begins."""
    yield word.encode()
    yield word.encode("utf-16-le")
    for shift in range(3):
        yield base64.b64encode(b"-" * shift + word.encode())[4:-4]


def files_of(site: Site) -> list[Path]:
    """Everything that cloud and device keep, and their logs."""
    folders = (site.cloud_state, site.device_state)
    kept = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [*kept, site.folder / "cloud.log", site.folder / "device.log"]


def found(site: Site, words: dict[str, str]) -> list[str]:
    """Which words can be read, and where."""
    contents = {path: path.read_bytes() for path in files_of(site) if path.exists()}
    return [
        f"{place} in {path.relative_to(site.folder)}"
        for path, content in contents.items()
        for place, word in words.items()
        if any(spelling in content for spelling in spelled(word))
    ]


async def test_nothing_of_a_held_message_is_readable(people: People, administrator: Administrator, site: Site) -> None:
    """Nor of one that is looked at, and deleted then. The envelope is: it stands in columns, as documented."""
    sent, words = marked("held-unreadable")
    link = await people.quarantined(sent)
    assert found(site, words) == []
    assert any(b"held-unreadable@example.com" in path.read_bytes() for path in site.cloud_state.rglob("*.db*"))
    async with Visitor() as visitor:
        page = await visitor.follow(link)
        assert all(page.says(words[place]) for place in ("subject", "text", "name"))
        assert found(site, words) == []
        await visitor.press(page, "delete")
    assert not (await administrator.shown(sent)).content_kept
    assert found(site, words) == []


async def test_nothing_of_a_released_message_is_readable(
    people: People, administrator: Administrator, site: Site
) -> None:
    """While it is being sent, and after it: nor is the password of its ZIP."""
    sent, words = marked("released-unreadable")
    link = await people.quarantined(sent)
    async with Visitor() as visitor:
        await visitor.press(await visitor.follow(link), "release")
        assert found(site, words) == []
    released = (await people.arrived(sent.recipients[0], 2))[1]
    await administrator.until_stands(sent, State.RELEASED)
    assert words["subject"] in str(parsed(released)["Subject"])
    password = attachments_of(released)["attachments-password.txt"].split()[0].decode()
    assert found(site, words | {"password": password}) == []


async def test_the_search_itself_finds_what_is_there(site: Site) -> None:
    """Plain, and inside of base64 at each of its three places."""
    word = secrets.token_hex(12)
    planted = site.cloud_state / "planted"
    for text in (word.encode(), *(base64.b64encode(b"x" * shift + word.encode()) for shift in range(3))):
        planted.write_bytes(text)
        assert found(site, {"word": word}) == ["word in cloud/planted"]
    planted.unlink()
    assert found(site, {"word": word}) == []
