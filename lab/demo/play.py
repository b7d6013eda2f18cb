"""`srx-lab demo`: a site with fresh state in a temporary folder, the story, and with --keep the site left running."""

import tempfile
from pathlib import Path

from cloud.address import Address
from lab.demo.hints import how_to_use
from lab.demo.story import Story
from lab.demo.telling import Telling
from lab.processes import ProcessFailed
from lab.serving import answers
from lab.site import REALM, Site, site
from lab.waiting import interrupted


async def play(*, keep: bool, server: Address | None, as_json: bool) -> bool:
    """Play the demo; whether all of it held. With `server`, the story is left out: its inboxes can't be read from here."""
    telling = Telling(as_json=as_json)
    if server is not None and not await answers(server):
        telling.say(f"No mail server greets at {server}. Start one there, or leave --server out.")
        return False
    with tempfile.TemporaryDirectory(prefix="srxlab-demo-") as folder:
        telling.say(f"Starting cloud, device and mail server on loopback; state in {folder}")
        try:
            async with site(Path(folder), server) as made:
                return await _play_on(made, telling, keep=keep or server is not None)
        except (ProcessFailed, TimeoutError) as error:
            telling.say(f"The demo could not go on: {error}")
            return False


async def _play_on(made: Site, telling: Telling, *, keep: bool) -> bool:
    if not keep:
        async for step in Story(made).steps():
            telling.step(step)
        return telling.end()
    telling.ready(_addresses(made), how_to_use(made))
    await interrupted()
    return True


def _addresses(made: Site) -> dict[str, str]:
    inbox = {} if made.inbox is None else {"inbox": f"{made.inbox}/messages"}
    return {
        "smtp": str(made.smtp),
        "server": str(made.server),
        **inbox,
        "portal": f"http://{made.portal}",
        "grpc": str(made.grpc),
        "state": str(made.folder),
        "realm": REALM,
    }
