"""The policy in force at end of data decides, and what its less usual settings do; also where the cloud is away just then."""

import asyncio
import smtplib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count

import pytest
import pytest_asyncio

from atp.release_pass import FIELD_NAME
from cloud.address import Address
from cloud.policy.lists import ListName
from lab.demo.visitor import Visitor, link_in, text_of
from lab.mailserver.server import MailServer, mail_server
from lab.site import REALM, Site
from lab.site import site as running_site
from lab.traffic.messages import message
from lab.traffic.samples.programs import scored, smuggling_page
from lab.traffic.samples.sample import Expected, Sample
from lab.waiting import until
from tests.people import SECONDS, SENDER, Administrator, Device, Mail, People, mail

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

FREE = Address("127.0.0.1", 0)
numbers = count()


async def sent_around(site: Site, sent: Mail, between: Callable[[], Awaitable[None]]) -> tuple[int, bytes]:
    """Send a mail in whose transaction something happens between 354 and the content; the last reply."""
    with smtplib.SMTP(site.smtp.host, site.smtp.port, "client.example.com", timeout=60) as client:
        for command in ("EHLO client.example.com", f"MAIL FROM:<{sent.sender}>", f"RCPT TO:<{sent.recipients[0]}>"):
            assert (await asyncio.to_thread(client.docmd, command))[0] == 250
        assert (await asyncio.to_thread(client.docmd, "DATA"))[0] == 354
        await between()
        await asyncio.to_thread(client.send, sent.content + b".\r\n")
        return await asyncio.to_thread(client.getreply)


@pytest.mark.parametrize(("before", "after"), [("quarantine", "permit"), ("permit", "quarantine")])
async def test_the_policy_at_end_of_data_decides(
    site: Site, people: People, administrator: Administrator, before: str, after: str
) -> None:
    """The action changes after 354: the mail that is being sent meets the new one."""
    await administrator.set(action=before)
    sent = mail(f"changed-to-{after}@example.net", scored(9))

    async def change() -> None:
        await administrator.set(action=after)

    assert (await sent_around(site, sent, change))[0] == 250
    (seen,) = await people.arrived(sent.recipients[0])
    assert (seen == sent.content) == (after == "permit")
    assert bool(link_in_any(seen)) == (after == "quarantine")


def link_in_any(content: bytes) -> str:
    """The portal's link, or nothing."""
    return link_in(content) if b"/m/" in content else ""


def page(to: str, html: str) -> Mail:
    """A mail whose HTML is its text: an alternative without a name."""
    return Mail(SENDER, (to,), message(SENDER, to, "A page", "Some words.\r\n", html=html))


PAGES = {"scored": "SRXLAB-SCORE: 9\n<p>Words.</p>\n", "smuggling": smuggling_page().content.decode()}


@pytest.mark.parametrize("html", PAGES.values(), ids=PAGES)
async def test_html_bodies_are_inspected_where_the_realm_wants_it(
    people: People, device: Device, administrator: Administrator, html: str
) -> None:
    """By default nothing is asked about the text of a mail; with the setting a page that scores is acted on."""
    before = await device.counters()
    number = next(numbers)
    sent = page(f"page-{number}@example.net", html)
    assert await people.deliver(sent) == sent.content
    assert (await device.counters())["email-scanned"] == before["email-scanned"]
    await administrator.set(inspect_html_bodies=True)
    held = page(f"page-held-{number}@example.net", html)
    await people.quarantined(held)
    assert (await device.counters())["email-scanned"] == before["email-scanned"] + 1
    assert [part.content_type for part in (await administrator.shown(held)).parts] == ["text/html"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def passing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A site of its own, whose device lets first-seen content pass, and whose cloud may go away."""
    async with running_site(tmp_path_factory.mktemp("passing"), flags=("--first-seen=pass",)) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def owner(passing: Site) -> AsyncIterator[Administrator]:
    """The administrator of that site; what changes is put back."""
    made = Administrator(passing)
    yield made
    await made.put_back()


@asynccontextmanager
async def cloud_away(site: Site) -> AsyncIterator[None]:
    assert site.cloud is not None
    await site.cloud.kill()
    try:
        yield
    finally:
        await site.start_cloud()
        await Device(site).connected()


async def test_first_seen_content_passes_and_is_flagged_afterwards(passing: Site) -> None:
    """The very bytes arrive; what they were worth is told as an event, and counted; the next such mail is quarantined."""
    people, device = People(passing), Device(passing)
    content = f"SRXLAB-SCORE: 9\nNever seen before: {datetime.now(UTC)}\n".encode()
    file = Sample("new", "new.txt", "text/plain", content, Expected.MALICIOUS)
    sent = mail("first-seen@example.net", file, sender="first-seen@example.com")
    before = await device.counters()
    assert await people.deliver(sent) == sent.content
    for name in ("email-flagged-afterwards", "email-first-seen-passed"):
        await device.counted(name, before[name] + 1)
    event = await reported(passing, "mail.flagged-afterwards", sent)
    assert (event["verdict"], event["reason"]) == ("9", "first-seen")
    await people.quarantined(mail("second-seen@example.net", file))


async def reported(site: Site, name: str, sent: Mail) -> dict[str, str]:
    """The fields of that mail's event of that name, as `srx-cloud events` shows them once the cloud has it."""
    found: list[dict[str, str]] = []

    async def there() -> bool:
        told = await site.ask("srx-cloud", "events", "--realm", REALM, "--json")
        of_name = [each["fields"] for each in told["events"] if each["name"] == name]
        found.extend(fields for fields in of_name if fields["mail_from"] == sent.sender)
        return bool(found)

    await until(there, SECONDS)
    return found[0]


@pytest_asyncio.fixture(loop_scope="session")
async def wire(owner: Administrator) -> AsyncIterator[MailServer]:
    """A server that stands where the device should: it takes what the cloud releases, and keeps it."""
    async with mail_server(FREE, FREE) as server:
        await owner.set(release_route=str(server.smtp), notify_release=False)
        yield server


async def captured(site: Site, wire: MailServer, name: str) -> Mail:
    """A released mail as it was on its way to the device, its pass in it and unused."""
    people = People(site)
    sent = mail(f"{name}@example.net", scored(9), sender=f"{name}@example.com", text="Words to release.\r\n")
    await made_known(people, f"{name}-before@example.net")
    link = await people.quarantined(sent)
    async with Visitor() as visitor:
        await visitor.press(await visitor.follow(link), "release")
    (taken,) = await wire.inboxes.wait_for(sent.recipients[0], 1, SECONDS)
    return Mail(taken.mail_from, taken.recipients, taken.content)


async def made_known(people: People, to: str) -> None:
    """That device lets a file pass as long as it has no verdict."""

    async def acted_on() -> bool:
        return bool(link_in_any(await people.deliver(mail(to, scored(9)))))

    await until(acted_on, SECONDS)


async def test_a_pass_that_the_cloud_cant_redeem_is_put_off(passing: Site, wire: MailServer) -> None:
    """Neither let through nor inspected as any mail: the sender tries again, and then it passes."""
    people, device = People(passing), Device(passing)
    shown = await captured(passing, wire, "put-off")
    before = await device.counters()
    async with cloud_away(passing):
        code, text = await people.send(shown)
        assert (code, text.split()[0]) == (451, "4.3.0")
        after = await device.counters()
        assert [after[name] - before[name] for name in ("pass-put-off", "pass-redeemed")] == [1, 0]
        assert len(await people.arrived(shown.recipients[0])) == 1
    seen = await people.deliver(shown)
    assert "Words to release." in text_of(seen)
    assert FIELD_NAME not in seen


async def test_where_a_second_device_stands_on_the_path_the_pass_goes_on(
    passing: Site, wire: MailServer, owner: Administrator
) -> None:
    """The field stays for it; to the first device the pass is used all the same."""
    await owner.set(devices_on_path=2)
    people = People(passing)
    shown = await captured(passing, wire, "two-devices")
    assert await people.deliver(shown) == shown.content
    async with asyncio.timeout(SECONDS):
        while (await people.send(shown))[0] == 451:
            pass
    assert b"Words to release." not in (await people.arrived(shown.recipients[0], 3))[-1]


async def test_blocklisted_mail_that_cant_be_stored_is_put_off(passing: Site, owner: Administrator) -> None:
    """451 4.3.0, and its verdict being known no fallback applies; nothing of it arrives."""
    people, device = People(passing), Device(passing)
    await owner.put_on(ListName.BLOCK, "blocked@example.com")
    before = await device.counters()
    sent = mail("blocked-reader@example.net", sender="blocked@example.com")
    async with cloud_away(passing):
        code, text = await people.send(sent)
    assert (code, text.split()[0]) == (451, "4.3.0")
    assert (await device.counters())["email-not-stored"] == before["email-not-stored"] + 1
    assert await people.arrived(sent.recipients[0], 0) == []
    assert (await reported(passing, "mail.not-stored", sent))["reason"] == "blocklisted"
