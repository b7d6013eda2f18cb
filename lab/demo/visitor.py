"""A person at the portal, recipient or administrator: follows links as a browser does, reads pages, presses buttons."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from typing import Self
from urllib.parse import urljoin

import httpx

_LINK = re.compile(r"https?://\S+/m/[\w-]+")


class NoSuchButton(Exception):
    """The page does not offer what the visitor wants to do."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a page: where it goes, and the fields that it carries unseen."""

    action: str
    fields: dict[str, str]


@dataclass(slots=True)
class Page(HTMLParser):
    """What a visitor gets from a page: its forms, its links and its words."""

    forms: list[Form] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a page."""
        page = cls()
        HTMLParser.__init__(page)
        page.feed(text)
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect forms with their hidden fields, and links."""
        found = {name: value or "" for name, value in attrs}
        match tag:
            case "form":
                self.forms.append(Form(found.get("action", ""), {}))
            case "input" if self.forms and found.get("type") == "hidden":
                self.forms[-1].fields[found["name"]] = found.get("value", "")
            case "a":
                self.links.append(found.get("href", ""))

    def handle_data(self, data: str) -> None:
        """Collect words."""
        if data.strip():
            self.words.append(data.strip())

    def says(self, words: str) -> bool:
        """Whether a person would read these words on the page."""
        return words in " ".join(self.words)


class Visitor:
    """Someone who holds a link from a replacement mail, or one to sign in with; use as an asynchronous context."""

    def __init__(self) -> None:
        self._http = httpx.AsyncClient(timeout=20)
        self._at = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def follow(self, link: str) -> Page:
        """Open the link, and go on to the message as the page says."""
        entry = Page.read((await self._get(link)).text)
        onward = next(target for target in entry.links if "/message/" in target)
        return Page.read((await self._get(urljoin(link, onward))).text)

    async def sign_in(self, link: str) -> Page:
        """Open a link from `srx-cloud console link` and press its one button: the console's list."""
        (form,) = Page.read((await self._get(link)).text).forms
        return await self._submit(form)

    async def visit(self, path: str) -> Page:
        """Another page of the same portal."""
        return Page.read((await self._get(urljoin(self._at, path))).text)

    async def press(self, page: Page, act: str) -> Page:
        """Press the button of an act: release, delete or request. Raises NoSuchButton."""
        form = next((form for form in page.forms if form.action.endswith(f"/{act}")), None)
        if form is None:
            raise NoSuchButton(act)
        return await self._submit(form)

    async def reload(self) -> Page:
        """The same page again."""
        return Page.read((await self._get(self._at)).text)

    async def _submit(self, form: Form) -> Page:
        target = urljoin(self._at, form.action)
        answer = await self._http.post(
            target, data=form.fields, headers={"Origin": _origin(self._at)}, follow_redirects=True
        )
        answer.raise_for_status()
        self._at = str(answer.url)
        return Page.read(answer.text)

    async def _get(self, url: str) -> httpx.Response:
        answer = await self._http.get(url, follow_redirects=True)
        answer.raise_for_status()
        self._at = str(answer.url)
        return answer


def link_in(mail: bytes) -> str:
    """The portal link of a replacement mail, from its text part. Raises LookupError where there is none."""
    found = _LINK.search(text_of(mail))
    if found is None:
        raise LookupError("the mail holds no portal link")
    return found[0]


def text_of(mail: bytes) -> str:
    """The text part of a mail."""
    body = parsed(mail).get_body(("plain",))
    return "" if body is None else str(body.get_content())


def parsed(mail: bytes) -> EmailMessage:
    """A mail, taken apart by the standard library."""
    message: EmailMessage = message_from_bytes(mail, policy=default)
    return message


def attachments_of(mail: bytes, wanted: Callable[[str], bool] = lambda _name: True) -> dict[str, bytes]:
    """The attachments of a mail by name."""
    return {
        name: bytes(part.get_payload(decode=True))
        for part in parsed(mail).iter_attachments()
        if (name := part.get_filename() or "") and wanted(name)
    }


def _origin(url: str) -> str:
    parts = httpx.URL(url)
    return f"{parts.scheme}://{parts.netloc.decode()}"
