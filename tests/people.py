"""The people of a site, as integration tests play them: who writes and reads mail, and who administers the realm."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloud.control import console, events, lists, quarantine
from cloud.control import settings as realm_settings
from cloud.control.door import ServiceDoor
from cloud.errors import CloudError
from cloud.policy.lists import ListName
from cloud.quarantine.lifecycle import State
from device import control
from lab.demo.visitor import link_in
from lab.site import REALM, Site
from lab.traffic.messages import message
from lab.traffic.samples.sample import Sample
from lab.traffic.senders import send
from lab.waiting import until

SENDER = "anna@example.com"
SECONDS = 40.0
"""The longest that anything is waited for: a busy machine with two cores."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One message and its envelope."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes


def mail(
    to: str | tuple[str, ...],
    *attachments: Sample,
    sender: str = SENDER,
    subject: str = "A mail",
    text: str = "Some words.\r\n",
    header_from: str = "",
    header_to: str = "",
    identity: str = "",
) -> Mail:
    """A mail whose header names the envelope's addresses, unless others are wanted. With an `identity` it has a Message-ID."""
    recipients = (to,) if isinstance(to, str) else to
    header_to = header_to or ", ".join(recipients)
    content = message(header_from or sender, header_to, subject, text, *attachments, identity=identity)
    return Mail(sender, recipients, content)


class People:
    """Whoever writes through the device, and reads what arrives behind it."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def send(self, sent: Mail) -> tuple[int, str]:
        """Send it through the device; the reply's code and text."""
        return await send(self._site.smtp, sent.sender, list(sent.recipients), sent.content)

    async def deliver(self, sent: Mail) -> bytes:
        """Send it, be told 250, and give what its first recipient finds as the newest mail."""
        address = sent.recipients[0]
        before = len(await self._site.inbox_of(address))
        code, text = await self.send(sent)
        assert code == 250, f"{code} {text}"
        return (await self.arrived(address, before + 1))[-1]

    async def arrived(self, address: str, count: int = 1) -> list[bytes]:
        """An inbox, once it holds that many mails."""

        async def there() -> bool:
            return len(await self._site.inbox_of(address)) >= count

        await until(there, SECONDS)
        return [await self._site.mail(each["number"]) for each in await self._site.inbox_of(address)]

    async def told(self, address: str, words: str) -> bytes:
        """The mail of an inbox that says these words, once it is there."""
        found: list[bytes] = []

        async def there() -> bool:
            found.extend(each for each in await self.arrived(address, 0) if words.encode() in each)
            return bool(found)

        await until(there, SECONDS)
        return found[0]

    async def quarantined(self, sent: Mail) -> str:
        """Send something malicious; the link in what its first recipient gets instead."""
        return link_in(await self.deliver(sent))


class Device:
    """What the running device says of itself."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def status(self) -> dict[str, Any]:
        return await control.ask(self._site.device_state, "status")

    async def policy(self) -> dict[str, Any]:
        return await control.ask(self._site.device_state, "policy")

    async def counters(self) -> dict[str, int]:
        told: dict[str, int] = (await control.ask(self._site.device_state, "statistics"))["counters"]
        return told

    async def counted(self, name: str, number: int) -> None:
        """Waits until that counter is at that number, or further."""

        async def there() -> bool:
            return (await self.counters()).get(name, 0) >= number

        await until(there, SECONDS)

    async def has_revision(self, revision: int) -> None:
        """Waits until the device's policy is that revision, or a later one."""

        async def there() -> bool:
            return bool((await self.policy())["revision"] >= revision)

        await until(there, SECONDS)

    async def connected(self) -> None:
        """Waits until the device hears the cloud."""

        async def there() -> bool:
            return bool((await self.status())["connected"])

        await until(there, SECONDS)


class Administrator:
    """The realm's administrator at the command socket: what `srx-cloud` does, without a process a command.

    Every change is in force at the device when a method returns; put_back() takes all of them back.
    """

    def __init__(self, site: Site) -> None:
        self._door = ServiceDoor(site.cloud_state)
        self._device = Device(site)
        self._replaced: dict[str, Any] = {}
        self._listed: list[tuple[ListName, str]] = []

    async def set(self, **values: Any) -> None:
        """Change settings of the realm."""
        before = await self._door.ask(realm_settings.SHOW, realm_settings.ShowSettings(REALM))
        self._replaced = {name: before.settings[name] for name in values} | self._replaced
        await self._set(values)

    async def put_on(self, which: ListName, entry: str) -> None:
        """Put an entry on a list."""
        self._listed.append((which, entry))
        change = await self._door.ask(lists.ADD, lists.ChangeList(REALM, which, (entry,)))
        await self._device.has_revision(change.policy_revision)

    async def put_back(self) -> None:
        """The realm as it was."""
        if self._replaced:
            await self._set(self._replaced)
        for which, entry in self._listed:
            change = await self._door.ask(lists.REMOVE, lists.ChangeList(REALM, which, (entry,)))
            await self._device.has_revision(change.policy_revision)

    async def held(self, sent: Mail) -> quarantine.MessageView:
        """The quarantine's entry of a mail, by its envelope sender and recipients. Raises LookupError."""
        found = await self._door.ask(quarantine.LIST, quarantine.ListMessages(REALM, None, 1000))
        for each in found.messages:
            if (each.mail_from, each.recipients) == (sent.sender, sent.recipients):
                return each
        raise LookupError("nothing of that mail is in quarantine")

    async def all_held(self) -> tuple[quarantine.MessageView, ...]:
        """The newest thousand entries of the quarantine."""
        return (await self._door.ask(quarantine.LIST, quarantine.ListMessages(REALM, None, 1000))).messages

    async def shown(self, sent: Mail) -> quarantine.MessageDetail:
        """That entry in full."""
        held = await self.held(sent)
        return await self._door.ask(quarantine.SHOW, quarantine.ShowMessage(REALM, held.id))

    async def until_stands(self, sent: Mail, state: State, seconds: float = SECONDS) -> quarantine.MessageView:
        """Waits until that mail's entry is in that state."""

        async def there() -> bool:
            # Between a kill and a restart nobody answers.
            with suppress(CloudError, OSError):
                return (await self.held(sent)).status is state
            return False

        await until(there, seconds)
        return await self.held(sent)

    async def event(self, fits: Callable[[events.EventView], bool]) -> events.EventView:
        """The newest event that fits, once a device has reported one."""
        found: list[events.EventView] = []

        async def there() -> bool:
            shown = await self._door.ask(events.SHOW, events.ShowEvents(REALM, 50))
            found.extend(each for each in reversed(shown.events) if fits(each))
            return bool(found)

        await until(there, SECONDS)
        return found[0]

    async def sign_in_link(self) -> str:
        """A link into the console."""
        return (await self._door.ask(console.LINK, console.MakeLink(REALM))).url

    async def _set(self, values: dict[str, Any]) -> None:
        view = await self._door.ask(realm_settings.SET, realm_settings.SetSettings(REALM, values))
        await self._device.has_revision(view.policy_revision)


def later_than(moment: datetime, name: str, **fields: str) -> Callable[[events.EventView], bool]:
    """Whether an event is of that name, has these fields, and was told since."""
    return lambda each: each.name == name and each.time >= moment and fields.items() <= each.fields.items()
