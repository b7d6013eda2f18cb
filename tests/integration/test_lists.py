"""Allowlist and blocklist, by each of the four addresses that they are compared with, on a running site."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

import pytest

from cloud.policy.lists import ListName
from device.inspection.lists import Kind
from lab.demo.visitor import Visitor, link_in, parsed, text_of
from lab.traffic.samples.programs import scored
from tests.people import Administrator, Device, Mail, People, mail

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass(frozen=True)
class Listed:
    """An entry, and a mail that it matches by one kind of address alone."""

    kind: Kind
    entry: str
    mail: Callable[..., Mail]

    def __str__(self) -> str:
        return self.kind.value


def listed(about: str) -> list[Listed]:
    """One of each kind, with addresses that no other test uses."""
    to = partial(mail, f"{about}-reader@example.net")
    person, domain = f"{about}-someone@example.org", f"{about}.example.org"
    return [
        Listed(Kind.MAIL_FROM, person, partial(to, sender=person, header_from="else@example.com")),
        Listed(
            Kind.RCPT_TO,
            f"{about}-listed@example.net",
            partial(mail, f"{about}-listed@example.net", header_to="else@example.com"),
        ),
        Listed(Kind.HEADER_FROM, domain, partial(to, header_from=f"Someone <else@{domain}>")),
        Listed(Kind.HEADER_TO, f"*@to.{domain}", partial(to, header_to=f"List <list@to.{domain}>")),
    ]


@pytest.mark.parametrize("case", listed("allow"), ids=str)
async def test_the_allowlist_lets_a_mail_through_unscanned(
    people: People, administrator: Administrator, device: Device, case: Listed
) -> None:
    """Malicious as it is, it arrives byte for byte, and nothing is asked about it."""
    await administrator.put_on(ListName.ALLOW, case.entry)
    before = await device.counters()
    sent = case.mail(scored(10))
    assert await people.deliver(sent) == sent.content
    await device.counted("email-hit-whitelist", before["email-hit-whitelist"] + 1)
    assert (await device.counters())["email-scanned"] == before["email-scanned"]


@pytest.mark.parametrize("case", listed("block"), ids=str)
async def test_the_blocklist_makes_a_mail_malicious(people: People, administrator: Administrator, case: Listed) -> None:
    """Without any attachment it is quarantined and replaced, and says why; the portal knows it, too."""
    await administrator.put_on(ListName.BLOCK, case.entry)
    seen = await people.deliver(case.mail())
    assert "on your organisation's blocklist" in text_of(seen)
    async with Visitor() as visitor:
        assert (await visitor.follow(link_in(seen))).says("on your organisation's blocklist")


async def test_a_blocklisted_mail_is_handled_as_the_realm_handles_malicious_ones(
    people: People, administrator: Administrator
) -> None:
    """Delivered with warning headers under that action, and intact under permit."""
    await administrator.put_on(ListName.BLOCK, "spammer@example.org")
    await administrator.set(action="tag-and-deliver")
    sent = mail("blocked-tagged@example.net", sender="spammer@example.org")
    assert parsed(await people.deliver(sent))["X-Spam-Flag"] == "YES"
    await administrator.set(action="permit")
    sent = mail("blocked-permitted@example.net", sender="spammer@example.org")
    assert await people.deliver(sent) == sent.content


async def test_allow_goes_before_block(people: People, administrator: Administrator) -> None:
    await administrator.put_on(ListName.BLOCK, "example.org")
    await administrator.put_on(ListName.ALLOW, "friend@example.org")
    sent = mail("both@example.net", scored(9), sender="friend@example.org")
    assert await people.deliver(sent) == sent.content


async def test_a_change_is_in_force_within_a_second(administrator: Administrator) -> None:
    """From the command to the device's policy; the median of five, since the machine may be busy."""
    loop = asyncio.get_running_loop()
    took = []
    for number in range(5):
        began = loop.time()
        await administrator.put_on(ListName.BLOCK, f"quick-{number}@example.org")
        took.append(loop.time() - began)
    assert median(took) < 1.0
