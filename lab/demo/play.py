"""`srx-lab demo`: a site with fresh state in a temporary folder, the story, and with --keep the site left running."""

import tempfile
from pathlib import Path

from cloud.address import Address
from lab.demo.story import Story
from lab.demo.telling import Telling
from lab.processes import ProcessFailed
from lab.site import REALM, Site, site
from lab.waiting import interrupted


async def play(*, keep: bool, server: Address | None, as_json: bool) -> bool:
    """Play the demo; whether all of it held. With `server`, the story is left out: its inboxes can't be read from here."""
    telling = Telling(as_json=as_json)
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
    telling.ready(_addresses(made), _how_to(made))
    await interrupted()
    return True


def _addresses(made: Site) -> dict[str, str]:
    return {
        "smtp": str(made.smtp),
        "server": str(made.server),
        "inbox": f"{made.inbox}/messages" if made.inbox else "",
        "portal": f"http://{made.portal}",
        "grpc": str(made.grpc),
        "state": str(made.folder),
        "realm": REALM,
    }


def _python(made: Site) -> str:
    server = f"smtplib.SMTP('{made.smtp.host}', {made.smtp.port})"
    return f"import smtplib; {server}.sendmail('you@example.com', 'me@example.net', 'Subject: Hello\\n\\nHello')"


def _how_to(made: Site) -> list[str]:
    cloud = f"SRX_CLOUD_STATE={made.cloud_state}"
    return [
        "",
        "Send a mail through the device:",
        f"  swaks --server {made.smtp} --from you@example.com --to me@example.net --attach @FILE",
        f'  python3 -c "{_python(made)}"',
        *([f"Read what arrived:  curl {made.inbox}/messages"] if made.inbox else []),
        "The administrator's side:",
        f"  {cloud} srx-cloud console link --realm {REALM}",
        f"  {cloud} srx-cloud settings show --realm {REALM}",
        f"  SRX_STATE={made.device_state} srx show status",
        "Everything stops, and its state is removed, with Ctrl-C.",
    ]
