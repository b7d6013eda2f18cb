"""kill -9 in the middle of a run: what was answered with 250 is at the mail server, or in quarantine and replaced there.

The device blocks what can't be judged, so that nothing malicious may pass; what got no reply, or another than 250, was promised
to nobody.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count

import psutil
import pytest
import pytest_asyncio

from cloud.address import Address
from cloud.quarantine.lifecycle import State
from lab.demo.visitor import Visitor, attachments_of, link_in, parsed, text_of
from lab.mailserver.server import MailServer, mail_server
from lab.site import Site
from lab.site import site as running_site
from lab.traffic.load import Letter, Load
from lab.traffic.messages import message
from lab.traffic.samples.documents import clean_pdf
from lab.traffic.samples.programs import scored
from lab.traffic.samples.sample import Expected, Sample
from tests.people import SECONDS, Administrator, Device, Mail, People, mail
from tests.scripted_server import SILENCE, Rule, ScriptedServer

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

FREE = Address("127.0.0.1", 0)
MESSAGES = 400
SESSIONS = 20
RETRY_SECONDS = 120.0
"""A release that was put off is tried again after a minute."""
BLOCKING = ("--fallback-action=block",)


@dataclass
class Place:
    """A site with its mail server in this process, a route of its own for what is released, and numbers for mails.

    `late` is a mail whose release the route has put off: the next attempt comes a minute later, whatever is killed meanwhile.
    """

    site: Site
    server: MailServer
    route: ScriptedServer
    late: Mail
    numbers: "count[int]" = field(default_factory=count)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("kill")
    route = ScriptedServer([Rule("RCPT TO:<late@", "451 4.2.0 later", turn=1)])
    async with (
        mail_server(FREE, FREE) as server,
        route.running(),
        running_site(folder, server.smtp, flags=BLOCKING) as site,
    ):
        await Administrator(site).set(release_route=f"127.0.0.1:{route.port}", notify_release=False)
        made = Place(site, server, route, mail("late@example.net", scored(9), sender="late@example.com"))
        await release(made, made.late)
        await route.until_heard("RCPT TO:<late@")
        yield made


async def release(place: Place, sent: Mail) -> None:
    """Have it quarantined, follow the link, press Release."""
    await People(place.site).send(sent)
    (replacement,) = await place.server.inboxes.wait_for(sent.recipients[0], 1, SECONDS)
    async with Visitor() as visitor:
        await visitor.press(await visitor.follow(link_in(replacement.content)), "release")


async def test_a_release_survives_the_kill_of_its_cloud(place: Place) -> None:
    """Killed while the server has not said whether it takes the mail; it is "released" when it has, and not before."""
    administrator = Administrator(place.site)
    place.route.rules.append(Rule(".", SILENCE, turn=1))
    sent = mail("silent@example.net", scored(8), sender="silent@example.com")
    await release(place, sent)
    await place.route.until_heard(".")
    assert [(await administrator.held(each)).status for each in (sent, place.late)] == [State.SENDING, State.SENDING]
    await kill_cloud(place.site)
    await administrator.until_stands(sent, State.RELEASED)
    first, second = (parsed(each) for each in place.route.messages)
    assert first["Message-ID"] == second["Message-ID"]
    assert first["X-ATP-Release-Pass"] != second["X-ATP-Release-Pass"]


def letter(number: int) -> Letter:
    """Of seven mails two have no attachment, two a known clean one, one a new clean one, and two are malicious."""
    about = f"mail-{number}"
    new = Sample("new", "new.txt", "text/plain", f"Words of {number}.\n".encode(), Expected.CLEAN)
    files = {2: [clean_pdf()], 3: [clean_pdf()], 4: [new], 5: [scored(9)], 6: [scored(8)]}.get(number % 7, [])
    sender, recipient = f"{about}@example.com", f"{about}@example.net"
    content = message(sender, recipient, f"Subject of {about}", "Words.\r\n", *files, identity=about)
    return Letter(about, sender, recipient, content)


def is_malicious(each: Letter) -> bool:
    return int(each.identity.removeprefix("mail-")) % 7 in (5, 6)


async def kill_device(site: Site) -> None:
    assert site.device is not None
    await site.device.kill()
    await site.start_device(*BLOCKING)


async def kill_cloud(site: Site) -> None:
    assert site.cloud is not None
    await site.cloud.kill()
    await site.start_cloud()


async def kill_workers(site: Site) -> None:
    """Every process that the cloud has started: the ones that take files apart."""
    assert site.cloud is not None
    children = psutil.Process(site.cloud.pid).children(recursive=True)
    assert children
    for each in children:
        each.kill()


@pytest.mark.parametrize("kill", [kill_device, kill_cloud, kill_workers], ids=["device", "cloud", "workers"])
async def test_nothing_that_was_promised_is_lost(place: Place, kill: Callable[[Site], Awaitable[None]]) -> None:
    letters = [letter(next(place.numbers)) for _ in range(MESSAGES)]
    load = Load(place.site.smtp, letters, SESSIONS)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load.run())
        await load.until_answered(MESSAGES // 3)
        assert len(load.codes) < MESSAGES
        await kill(place.site)
    await Device(place.site).connected()
    assert len(load.codes) + len(load.unanswered) == MESSAGES
    assert set(load.codes.values()) <= {250, 421, 451}
    assert len(load.promised) > MESSAGES // 3
    promised = [each for each in letters if each.identity in load.promised]
    assert [each.identity for each in promised if not is_malicious(each) and not arrived(place, each)] == []
    malicious = [each for each in promised if is_malicious(each)]
    assert malicious
    held = {each.mail_from: str(each.status) for each in await Administrator(place.site).all_held()}
    assert [each.identity for each in malicious if held.get(each.sender) != "held"] == []
    assert [each.identity for each in malicious if not replaced(place, each)] == []
    assert [each.identity for each in letters if is_malicious(each) and arrived(place, each)] == []


def arrived(place: Place, each: Letter) -> bool:
    """Whether the server has that very mail, byte for byte."""
    return any(taken.content == each.content for taken in place.server.inboxes.of(each.recipient))


def replaced(place: Place, each: Letter) -> bool:
    """Whether the server has a mail that tells of this one, and brings none of its files."""
    return any(
        f"Subject: Subject of {each.identity}" in text_of(taken.content).splitlines()
        and not attachments_of(taken.content)
        for taken in place.server.inboxes.of(each.recipient)
    )


async def test_a_release_that_was_put_off_comes_after_all_kills(place: Place) -> None:
    """The route said 451 at first: "sending" until it says 250, and not lost with any process in between."""
    administrator = Administrator(place.site)
    await administrator.until_stands(place.late, State.RELEASED, RETRY_SECONDS)
    assert [each["To"] for each in map(parsed, place.route.messages)].count("late@example.net") == 1
