"""What happens to mail whose verdict can't be had: each condition under both fallbacks, and what stays as it was all the same."""

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from cloud.policy.lists import ListName
from device.inspection.policy import Condition
from lab.site import Site
from lab.site import site as running_site
from lab.traffic.samples.archives import encrypted_zip
from lab.traffic.samples.programs import scored
from lab.traffic.samples.sample import Expected, Sample
from tests.people import Administrator, Device, People, mail

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

SHORT = ("--submission-timeout=1.5", "--verdict-timeout=3")
numbers = count()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shaky(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A site whose cloud and device may be stopped, killed and started by the tests of this module."""
    async with running_site(tmp_path_factory.mktemp("shaky")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["permit", "block"])
async def fallback(shaky: Site, request: pytest.FixtureRequest) -> str:
    """The device with that fallback action, and little patience."""
    assert shaky.device is not None
    await shaky.device.stop()
    await shaky.start_device(f"--fallback-action={request.param}", *SHORT)
    await Device(shaky).connected()
    return str(request.param)


def unknown(size: int = 100) -> Sample:
    """A file that nobody has seen before."""
    content = f"New words, {next(numbers)} {'.' * size}\n".encode()
    return Sample("unknown", "unknown.txt", "text/plain", content, Expected.CLEAN)


@asynccontextmanager
async def stopped_cloud(site: Site) -> AsyncIterator[None]:
    """The cloud is there and says nothing."""
    assert site.cloud is not None
    process = psutil.Process(site.cloud.pid)
    process.suspend()
    try:
        yield
    finally:
        process.resume()


@asynccontextmanager
async def stopped_workers(site: Site) -> AsyncIterator[None]:
    """The cloud takes files, and nobody looks at them."""
    assert site.cloud is not None
    workers = psutil.Process(site.cloud.pid).children(recursive=True)
    for each in workers:
        each.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for each in workers:
            each.send_signal(signal.SIGCONT)


@asynccontextmanager
async def killed_cloud(site: Site) -> AsyncIterator[None]:
    """Nobody is there."""
    assert site.cloud is not None
    await site.cloud.kill()
    try:
        yield
    finally:
        await site.start_cloud()
        await Device(site).connected()


@asynccontextmanager
async def small_submissions(site: Site) -> AsyncIterator[None]:
    """Files of more than a kilobyte are not taken."""
    administrator = Administrator(site)
    await administrator.set(max_file_size=1024)
    try:
        yield
    finally:
        await administrator.put_back()


@asynccontextmanager
async def nothing_amiss(_site: Site) -> AsyncIterator[None]:
    yield


@dataclass(frozen=True)
class Case:
    """What goes wrong, with which file, and the reply under the fallback block."""

    condition: Condition
    trouble: Callable[[Site], AbstractAsyncContextManager[None]]
    file: Callable[[], Sample]
    reply: tuple[int, str]

    def __str__(self) -> str:
        return self.condition.value


CASES = [
    Case(Condition.SUBMISSION_TIMEOUT, stopped_cloud, unknown, (451, "4.7.1")),
    Case(Condition.VERDICT_TIMEOUT, stopped_workers, unknown, (451, "4.7.1")),
    Case(Condition.INVALID_CONTENT_SIZE, small_submissions, lambda: unknown(2000), (552, "5.3.4")),
    Case(Condition.UNKNOWN_FILE, nothing_amiss, encrypted_zip, (554, "5.7.1")),
    Case(Condition.SERVICE_NOT_READY, killed_cloud, unknown, (451, "4.7.1")),
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_an_unknown_verdict_meets_its_fallback(shaky: Site, fallback: str, case: Case) -> None:
    """Delivered byte for byte or refused, and counted by its condition; mail without attachment passes all the while."""
    people, device = People(shaky), Device(shaky)
    name = f"{case}-{fallback}@example.net"
    counter = f"email-fallback-{'permitted' if fallback == 'permit' else 'blocked'}-{case}"
    async with case.trouble(shaky):
        plain = mail(f"plain-{name}")
        assert await people.deliver(plain) == plain.content
        sent = mail(name, case.file())
        if fallback == "permit":
            assert await people.deliver(sent) == sent.content
        else:
            code, text = await people.send(sent)
            assert (code, text.split()[0]) == case.reply
            assert await people.arrived(name, 0) == []
        await device.counted(counter, 1)
    assert (await device.counters())[counter] == 1


async def test_malicious_mail_that_cant_be_stored_is_never_delivered(shaky: Site, fallback: str) -> None:
    """Its verdict is known, so no fallback applies: 451 4.3.0 under both."""
    people = People(shaky)
    sent = mail(f"not-stored-{fallback}@example.net", scored(9))
    await people.quarantined(sent)
    async with killed_cloud(shaky):
        code, text = await people.send(sent)
        assert (code, text.split()[0]) == (451, "4.3.0")
        assert (await Device(shaky).counters())["email-not-stored"] == 1
    assert len(await people.arrived(sent.recipients[0])) == 1


async def test_a_restarted_device_keeps_its_policy_without_the_cloud(shaky: Site, fallback: str) -> None:
    """Lists and action are in force at once; it says loudly that the cloud is away, and hears of what changed when it is back."""
    people, device, administrator = People(shaky), Device(shaky), Administrator(shaky)
    await administrator.put_on(ListName.ALLOW, f"friend-{fallback}@example.com")
    before = await device.policy()
    async with killed_cloud(shaky):
        assert shaky.device is not None
        await shaky.device.kill()
        await shaky.start_device(f"--fallback-action={fallback}", *SHORT)
        assert await device.policy() == before
        (warning,) = (await device.status())["warnings"]
        assert warning.startswith("The cloud is away")
        sent = mail(f"kept-{fallback}@example.net", scored(9), sender=f"friend-{fallback}@example.com")
        assert await people.deliver(sent) == sent.content
    await administrator.put_back()
    assert (await device.policy())["allowlist_entries"] == before["allowlist_entries"] - 1
    assert (await device.status())["warnings"] == []
    await people.quarantined(mail(f"again-{fallback}@example.net", scored(9), sender=f"friend-{fallback}@example.com"))


@pytest.mark.parametrize("action", ["permit", "block"])
async def test_a_device_that_is_not_enrolled_says_so_and_falls_back(shaky: Site, tmp_path: Path, action: str) -> None:
    """Mail without attachment passes; the other meets its fallback; status and log tell it before anyone asks."""
    alone = Site(tmp_path, shaky.server, shaky.inbox)
    people, device = People(alone), Device(alone)
    await alone.start_device(f"--fallback-action={action}")
    assert alone.device is not None
    try:
        told = f"Not enrolled: no attachment is inspected; mail with attachments meets its fallback ({action})."
        assert (await device.status())["warnings"] == [told]
        assert told in (tmp_path / "device.log").read_text()
        plain, sent = mail(f"alone-plain-{action}@example.net"), mail(f"alone-{action}@example.net", scored(9))
        assert await people.deliver(plain) == plain.content
        if action == "permit":
            assert await people.deliver(sent) == sent.content
        else:
            assert (await people.send(sent))[0] == 451
            assert await people.arrived(sent.recipients[0], 0) == []
        await device.counted(f"email-fallback-{'permitted' if action == 'permit' else 'blocked'}-service-not-ready", 1)
    finally:
        await alone.device.stop()
