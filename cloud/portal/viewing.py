"""One look at a held message: what it is, what may be done with it now, and its preview where there still is content."""

import asyncio
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool

from atp.identity import RealmId
from cloud.errors import CloudError, NotFound
from cloud.policy.realm import Realm
from cloud.portal.needs import Custody, Realms
from cloud.portal.preview import Preview, Summary, preview, summary
from cloud.quarantine.held import HeldMessage
from cloud.quarantine.lifecycle import Act, ActorKind, State, possible

MAX_OPEN: Final = 4
"""Messages that are in memory at once for pages, 128 MiB each at most; further pages wait."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a page about a message needs. `preview` is absent where the content is gone, or just being sent."""

    realm: Realm
    held: HeldMessage
    acts: tuple[Act, ...]
    preview: Preview | None

    @property
    def learn_more(self) -> str:
        """The realm's page for people who want to know more; empty unless it is a web address."""
        url = self.realm.settings.learn_more_url
        return url if _is_web_address(url) else ""


class Viewing:
    """Takes messages out of custody to look at them."""

    def __init__(self, custody: Custody, realms: Realms) -> None:
        self.custody = custody
        self.realms = realms
        self._room = asyncio.Semaphore(MAX_OPEN)

    async def look(self, realm_id: RealmId, message_id: str, kind: ActorKind) -> Look:
        """A look in that role. Raises NotFound."""
        held = await self.custody.get(realm_id, message_id)
        realm = await self.realms.by_id(realm_id)
        return Look(
            realm=realm,
            held=held,
            acts=possible(held.state, kind, realm.settings.release_option),
            preview=await self._preview(held, realm),
        )

    async def summary(self, held: HeldMessage, threshold: int) -> Summary:
        """A row of a list: an empty one where the content is gone or damaged, which the message's own page says."""
        if held.state.destroys_content:
            return Summary()
        try:
            return summary(await self.custody.manifest(RealmId(held.realm_id), held.id), threshold)
        except CloudError:
            return Summary()

    async def _preview(self, held: HeldMessage, realm: Realm) -> Preview | None:
        """Worked out in a thread: a hostile message may take a fifth of a second.

        A page that waits for the mail server reloads itself every few seconds, and does without.
        """
        if held.state.destroys_content or held.state is State.SENDING:
            return None
        async with self._room:
            try:
                opened = await self.custody.open(realm.id, held.id)
            except NotFound:  # destroyed since we asked for its state
                return None
            threshold = realm.settings.recommended_threshold
            return await run_in_threadpool(preview, opened.manifest, opened.content, threshold)


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)
