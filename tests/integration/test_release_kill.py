"""A release outlives its cloud: kill -9 while the server has not yet said whether it takes the mail."""

from pathlib import Path

import pytest

from cloud.quarantine.lifecycle import State
from lab.demo.visitor import Visitor, parsed
from lab.site import Site
from lab.site import site as running_site
from lab.traffic.samples.programs import scored
from lab.waiting import until
from tests.people import SECONDS, Administrator, Mail, People, mail
from tests.scripted_server import SILENCE, Rule, ScriptedServer

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

RETRY_SECONDS = 90.0
"""The second attempt comes a minute after the first."""


async def test_a_release_survives_the_kill_of_its_cloud(tmp_path: Path) -> None:
    """One mail gets 451 at first, another no word before the kill: both come in the end, and only then are they "released"."""
    rules = [Rule(".", "451 4.2.0 later", turn=1), Rule(".", SILENCE, turn=2)]
    async with ScriptedServer(rules).running() as route, running_site(tmp_path) as site:
        administrator = Administrator(site)
        await administrator.set(release_route=f"127.0.0.1:{route.port}", notify_release=False)
        late, silent = mail("late@example.net", scored(9)), mail("silent@example.net", scored(8))
        await release(site, late)
        await heard(route, ".", 1)
        await release(site, silent)
        await heard(route, ".", 2)
        assert {(await administrator.held(each)).status for each in (late, silent)} == {State.SENDING}
        assert site.cloud is not None
        await site.cloud.kill()
        await site.start_cloud()
        await administrator.until_stands(silent, State.RELEASED)
        assert (await administrator.held(late)).status is State.SENDING
        await heard(route, ".", 4, RETRY_SECONDS)
        await administrator.until_stands(late, State.RELEASED)
    carried = [parsed(each) for each in route.messages]
    assert [each["To"] for each in carried] == [
        *late.recipients,
        *silent.recipients,
        *silent.recipients,
        *late.recipients,
    ]
    assert len({each["Message-ID"] for each in carried}) == 2
    assert len({each["X-ATP-Release-Pass"] for each in carried}) == 4


async def heard(route: ScriptedServer, words: str, times: int, seconds: float = SECONDS) -> None:
    """Waits until the server has heard these words so often."""

    async def so_often() -> bool:
        return route.heard.count(words) >= times

    await until(so_often, seconds)


async def release(site: Site, sent: Mail) -> None:
    link = await People(site).quarantined(sent)
    async with Visitor() as visitor:
        await visitor.press(await visitor.follow(link), "release")
