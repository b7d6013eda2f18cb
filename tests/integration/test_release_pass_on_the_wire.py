"""Release passes, captured on the wire and shown again: to the same device, to other people, changed, twice at once."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from atp.release_pass import FIELD_NAME
from cloud.address import Address
from device.actions import replies
from lab.demo.visitor import Visitor, attachments_of, link_in, text_of
from lab.mailserver.server import MailServer, mail_server
from lab.traffic.samples.programs import scored
from tests.people import SECONDS, Administrator, Device, Mail, People, mail

pytestmark = pytest.mark.asyncio(loop_scope="session")

FREE = Address("127.0.0.1", 0)
PASS_IN_USE = replies.PASS_NOT_REDEEMED.lines[0].decode()
DATE = b"Mon, 05 Jan 2026 09:00:00 +0000\r\n"


@pytest_asyncio.fixture(loop_scope="session")
async def wire(administrator: Administrator) -> AsyncIterator[MailServer]:
    """A server that stands where the device should: it takes what the cloud releases, and keeps it."""
    async with mail_server(FREE, FREE) as server:
        await administrator.set(release_route=str(server.smtp), notify_release=False)
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def captured(people: People, wire: MailServer, request: pytest.FixtureRequest) -> Mail:
    """A released mail as it was on its way to the device, its pass in it and unused."""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:50]
    sent = mail(f"{name}@example.net", scored(9), sender=f"{name}@example.com", text="Words to release.\r\n")
    link = await people.quarantined(sent)
    async with Visitor() as visitor:
        await visitor.press(await visitor.follow(link), "release")
    (taken,) = await wire.inboxes.wait_for(sent.recipients[0], 1, SECONDS)
    return Mail(taken.mail_from, taken.recipients, taken.content)


def is_released(content: bytes) -> bool:
    """Whether this is the released mail itself: its text and its ZIP."""
    return "Words to release." in text_of(content) and "attachments.zip" in attachments_of(content)


def is_replacement(content: bytes) -> bool:
    return bool(link_in(content)) and not attachments_of(content)


async def forwarded(people: People, shown: Mail) -> int:
    """Show it to the device, again while the device says that the pass is in use just now; the reply's code."""
    async with asyncio.timeout(SECONDS):
        while (answer := await people.send(shown)) == (451, PASS_IN_USE):
            pass
    return answer[0]


async def test_a_pass_goes_through_once_and_a_replay_meets_its_zip(
    people: People, device: Device, administrator: Administrator, captured: Mail
) -> None:
    """The field is taken out on its last use. What comes again is inspected: the cloud knows the ZIP that it made, as 10."""
    before = await device.counters()
    assert FIELD_NAME in captured.content
    seen = await people.deliver(captured)
    assert is_released(seen)
    assert FIELD_NAME not in seen
    assert await forwarded(people, captured) == 250
    assert is_replacement((await people.arrived(captured.recipients[0], 3))[2])
    after = await device.counters()
    assert after["pass-redeemed"] - before["pass-redeemed"] == 1
    assert after["pass-refused"] - before["pass-refused"] == 1
    assert (await administrator.held(captured)).score == 10


async def test_a_pass_is_for_its_own_mail_alone(people: People, captured: Mail) -> None:
    """Moved or changed it is inspected like any mail, and its ZIP met; after all of that the true one still passes."""
    content, (recipient,) = captured.content, captured.recipients
    others = [
        Mail(captured.sender, ("someone-else@example.net",), content),
        Mail(captured.sender, ("someone-else@example.net", recipient), content),
        Mail("mallory@example.org", ("someone-else@example.net",), content),
        Mail("mallory@example.org", (recipient,), content),
        Mail("", (recipient,), content),
        Mail(captured.sender, (recipient,), content.replace(b"Words to release", b"Words to believe")),
        Mail(captured.sender, (recipient,), content.replace(b"Subject: A mail", b"Subject: A bill")),
        Mail(captured.sender, (recipient,), content.replace(FIELD_NAME + b": v=1", FIELD_NAME + b": v=2")),
        Mail(captured.sender, (recipient,), content.replace(FIELD_NAME, b"X-Other")),
        Mail(captured.sender, (recipient,), FIELD_NAME + b": v=1\r\n" + content),
    ]
    for other in others:
        assert is_replacement(await people.deliver(other))
    relayed = Mail(captured.sender, (recipient,), b"Received: from a.example by b.example; " + DATE + content)
    assert is_released(await people.deliver(relayed))


async def test_a_pass_that_is_shown_twice_at_once_goes_through_once(
    people: People, device: Device, captured: Mail
) -> None:
    before = await device.counters()
    answers = await asyncio.gather(*(people.send(captured) for _ in range(6)))
    assert {code for code, _ in answers} <= {250, 451}
    taken = sum(code == 250 for code, _ in answers)
    inbox = await people.arrived(captured.recipients[0], 1 + taken)
    assert sum(is_released(each) for each in inbox) == 1
    assert (await device.counters())["pass-redeemed"] - before["pass-redeemed"] == 1
