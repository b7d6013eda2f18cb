"""The demo's story: seven mails through the device, and the quarantined one's way to its release.

Each step gives a Step: what was expected, and what was seen at the far end, in the recipient's inbox. Nothing is taken from the
device's or the cloud's own word but what a person would see there.
"""

import io
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from typing import Any, Final

import pyzipper

from cloud.control import lists, settings
from cloud.control.door import ServiceDoor
from cloud.policy.lists import ListName
from device import control
from lab.demo.step import Step
from lab.demo.visitor import Page, Visitor, attachments_of, link_in, parsed
from lab.site import ADMINISTRATOR, NOTICES, REALM, Site
from lab.traffic.messages import message
from lab.traffic.samples.documents import clean_pdf, macro_document
from lab.traffic.samples.sample import Sample
from lab.traffic.senders import send
from lab.waiting import until

SENDER: Final = "anna@example.com"
BLOCKED: Final = "spammer@example.org"
ALLOWED: Final = "partner@example.com"
UNTOUCHED: Final = "delivered, byte for byte what was sent"
REPLACED: Final = "replaced by a mail with a portal link"
FORGED_PASS: Final = b"X-ATP-Release-Pass: v=1; k=forged; r=forged; p=forged; x=1; f=; t=; h=; s=\r\n"
_SECONDS: Final = 20.0


class Story:
    """The steps in order, on one site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._door = ServiceDoor(site.cloud_state)
        self._malicious = macro_document()

    async def steps(self) -> AsyncIterator[Step]:
        """Tell it."""
        await self._in_force(lambda policy: policy["revision"] > 0)
        yield await self._passes("A mail without attachment", "plain", SENDER)
        yield await self._passes("A mail with a clean PDF", "pdf", SENDER, clean_pdf())
        yield await self._is_replaced("A mail with a macro document", "macro", SENDER, self._malicious)
        await self._list("block", BLOCKED)
        await self._list("allow", ALLOWED)
        yield await self._is_replaced("A mail from a blocked sender", "blocked", BLOCKED)
        yield await self._passes("A malicious file from an allowed sender", "allowed", ALLOWED, self._malicious)
        yield await self._forged()
        yield await self._tagged()
        async for step in self._release():
            yield step

    async def _passes(self, name: str, recipient: str, sender: str, *attachments: Sample) -> Step:
        sent = _mail(sender, recipient, name, *attachments)
        seen = await self._delivered(sender, recipient, sent)
        return Step(name, UNTOUCHED, UNTOUCHED if seen == sent else _summary(seen))

    async def _is_replaced(self, name: str, recipient: str, sender: str, *attachments: Sample) -> Step:
        sent = _mail(sender, recipient, name, *attachments)
        return Step(name, REPLACED, _replaced(await self._delivered(sender, recipient, sent)))

    async def _forged(self) -> Step:
        """A release pass that nobody signed does not help."""
        name = "The same with a forged release pass"
        sent = FORGED_PASS + _mail(SENDER, "forged", name, self._malicious)
        seen = _replaced(await self._delivered(SENDER, "forged", sent))
        refused = (await control.ask(self._site.device_state, "statistics"))["counters"]["pass-refused"]
        return Step(name, f"{REPLACED}; 1 pass refused", f"{seen}; {refused} pass refused")

    async def _tagged(self) -> Step:
        """The realm delivers with warning headers instead; then it quarantines again."""
        name = "The same where the realm delivers with warning headers"
        await self._act_by("tag-and-deliver")
        await self._in_force(lambda policy: policy["action"] == "tag-and-deliver")
        sent = _mail(SENDER, "tagged", name, self._malicious)
        seen = parsed(await self._delivered(SENDER, "tagged", sent))
        await self._act_by("quarantine")
        await self._in_force(lambda policy: policy["action"] == "quarantine")
        wanted = f"X-Spam-Flag: YES; Subject: [Possible spam] {name}; {self._malicious.name}"
        names = ", ".join(part.get_filename() or "" for part in seen.iter_attachments())
        return Step(name, wanted, f"X-Spam-Flag: {seen['X-Spam-Flag']}; Subject: {seen['Subject']}; {names}")

    async def _release(self) -> AsyncIterator[Step]:
        """Follow the macro document's mail through the portal to its release, and open what comes."""
        address = _address("macro")
        (held,) = await self._site.inbox_of(address, 1)
        async with Visitor() as visitor:
            page = await visitor.follow(link_in(await self._site.mail(held["number"])))
            yield Step("The portal's preview", self._preview_shows(None), self._preview_shows(page))
            page = await visitor.press(page, "release")
            inbox = await self._site.inbox_of(address, 2)
            released = await self._site.mail(inbox[1]["number"])
            yield Step("The released mail's text", _text("macro"), _first_line(released))
            yield self._opened(released)
            yield Step("The release pass", "taken out on its last use", _pass_in(released))
            said = "The message was released"
            yield Step("The portal afterwards", said, await _reload_until(visitor, said))
        told = await self._site.inbox_of(ADMINISTRATOR, 1)
        yield Step("The administrator", "1 notice", f"{len(told)} notice")

    def _preview_shows(self, page: Page | None) -> str:
        """What the preview should show, and with a page what of it does."""
        words = ["A mail with a macro document", SENDER, _text("macro"), self._malicious.name]
        return "; ".join(word for word in words if page is None or page.says(word))

    def _opened(self, released: bytes) -> Step:
        """The ZIP opens with the password beside it, and holds the very file that was sent."""
        files = attachments_of(released)
        archive = next(content for name, content in files.items() if name.endswith(".zip"))
        password = next(content for name, content in files.items() if name.endswith(".txt"))
        with pyzipper.AESZipFile(io.BytesIO(archive)) as opened:
            opened.setpassword(_password_in(password))
            (name,) = opened.namelist()
            content = opened.read(name)
        sent = self._malicious
        return Step("The ZIP, opened with its password", _digest(sent.name, sent.content), _digest(name, content))

    async def _delivered(self, sender: str, recipient: str, sent: bytes) -> bytes:
        """Send a mail through the device, and give what its recipient finds."""
        address = _address(recipient)
        code, text = await send(self._site.smtp, sender, [address], sent)
        if code != 250:
            return f"Subject: refused with {code} {text}\r\n\r\n".encode()
        inbox = await self._site.inbox_of(address, 1)
        return await self._site.mail(inbox[0]["number"])

    async def _act_by(self, action: str) -> None:
        """Set the realm's action, as `srx-cloud settings set` does."""
        await self._door.ask(settings.SET, settings.SetSettings(REALM, {"action": action}))

    async def _list(self, which: str, entry: str) -> None:
        """Put an entry on a list, and wait until the device has it."""
        await self._door.ask(lists.ADD, lists.ChangeList(REALM, ListName(which), (entry,)))
        await self._in_force(lambda policy: policy[f"{which}list_entries"] > 0)

    async def _in_force(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until the device's policy is as wanted."""

        async def holds() -> bool:
            return wanted(await control.ask(self._site.device_state, "policy"))

        await until(holds, _SECONDS)


async def _reload_until(visitor: Visitor, words: str) -> str:
    """Reload the page until it says so."""

    async def said() -> bool:
        return (await visitor.reload()).says(words)

    await until(said, _SECONDS)
    return words


def _mail(sender: str, recipient: str, subject: str, *attachments: Sample) -> bytes:
    return message(sender, _address(recipient), subject, _text(recipient) + "\r\n", *attachments, identity=recipient)


def _address(recipient: str) -> str:
    return f"{recipient}@example.net"


def _text(recipient: str) -> str:
    return f"This is the text for {recipient}."


def _replaced(seen: bytes) -> str:
    """Whether this is a replacement: from the realm's address, with a link, without an attachment."""
    try:
        link_in(seen)
    except LookupError:
        return _summary(seen)
    return REPLACED if NOTICES in str(parsed(seen)["From"]) and not attachments_of(seen) else _summary(seen)


def _summary(seen: bytes) -> str:
    mail = parsed(seen)
    return f"a mail from {mail['From']}, subject {mail['Subject']}, {len(attachments_of(seen))} attachments"


def _first_line(mail: bytes) -> str:
    body = parsed(mail).get_body(("plain",))
    text = "" if body is None else str(body.get_content())
    return text.partition("\n")[0].strip()


def _pass_in(mail: bytes) -> str:
    return "still there" if parsed(mail)["X-ATP-Release-Pass"] else "taken out on its last use"


def _password_in(text: bytes) -> bytes:
    """The password attachment's first line."""
    return text.splitlines()[0].strip()


def _digest(name: str, content: bytes) -> str:
    return f"{name} {sha256(content).hexdigest()[:16]}…"
