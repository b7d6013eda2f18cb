"""The replacement: the message that recipients get in a held message's place.

It tells who sent what and why it is held, and links to the portal. What comes from the held message is an attacker's text in a
mail that people trust: it is shortened, freed of control and direction characters, escaped in HTML, and its web addresses are
broken, so that no mail program makes a link of them. It never reaches a header field.

1. From is the realm's notice address, or quarantine@ the cloud's notice domain where none is set or it is no ASCII address.
2. No recipient is shown (RFC 5322, section 3.4: an empty group): all of them get the same bytes.
3. Message-ID is of its own: with the original's, a mail store would drop the released message as a duplicate.
4. Auto-Submitted (RFC 3834) keeps vacation programs from answering.
5. Everything is 7-bit, quoted-printable, in lines of at most 76 characters: no relay has a reason to re-encode it.

The same facts give the same bytes.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from atp.v1 import quarantine_pb2 as wire
from cloud.policy.realm_settings import RealmSettings, ReleaseOption
from cloud.quarantine.shown_text import readable, shown

_DISPLAY_NAME: Final = "E-mail quarantine"
_DEFAULT_LOCAL_PART: Final = "quarantine"
_MOST_ATTACHMENTS: Final = 20
_ADDRESS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_PLAIN_URL: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a replacement is made from. `message_id` is without angle brackets; `link` is the portal's page."""

    manifest: wire.MessageManifest
    settings: RealmSettings
    link: str
    expires_at: datetime
    message_id: str
    date: datetime
    notice_domain: str


@dataclass(frozen=True, slots=True)
class ShownAttachment:
    """An attachment as the mail lists it."""

    name: str
    size: str
    score: int | None


class ReplacementWriter:
    """Writes replacements; holds the templates."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=PackageLoader("cloud.quarantine"),
            autoescape=select_autoescape(("html",)),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )

    def write(self, facts: Facts) -> bytes:
        """A whole RFC 5322 message: CRLF, 7-bit."""
        values = _template_values(facts)
        message = EmailMessage(policy=SMTP.clone(cte_type="7bit", max_line_length=76))
        message["From"] = Address(_DISPLAY_NAME, addr_spec=header_sender(facts.settings, facts.notice_domain))
        message["To"] = "undisclosed-recipients:;"
        message["Subject"] = readable(facts.settings.replacement_subject)
        message["Date"] = format_datetime(facts.date)
        message["Message-ID"] = f"<{facts.message_id}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"
        message.set_content(self._render("replacement.txt", values), cte="quoted-printable")
        message.add_alternative(self._render("replacement.html", values), subtype="html", cte="quoted-printable")
        message.set_boundary("=_" + hashlib.sha256(facts.message_id.encode()).hexdigest()[:32])
        return message.as_bytes()

    def _render(self, template: str, values: dict[str, object]) -> str:
        return self._templates.get_template(template).render(values)


def envelope_sender(settings: RealmSettings) -> str:
    """MAIL FROM of a replacement: the realm's notice address where it is an ASCII address, else the null path."""
    return settings.notice_address if _ADDRESS.fullmatch(settings.notice_address) else ""


def header_sender(settings: RealmSettings, notice_domain: str) -> str:
    """The address in From, which can't be empty."""
    return envelope_sender(settings) or f"{_DEFAULT_LOCAL_PART}@{notice_domain}"


def _template_values(facts: Facts) -> dict[str, object]:
    manifest, settings = facts.manifest, facts.settings
    attachments = _attachments(manifest.reading)
    return {
        "subject": readable(settings.replacement_subject),
        "message": settings.replacement_message,
        "link": facts.link,
        "link_text": settings.replacement_link_text,
        "learn_more": web_address(settings.learn_more_url),
        "original": {name: _field(manifest.reading, name) for name in ("From", "Subject", "Date")},
        "blocklisted": manifest.reason == wire.HOLD_REASON_BLOCKLISTED,
        "score": manifest.score,
        "ambiguous": manifest.reading.ambiguous,
        "odd": len(manifest.reading.findings),
        "attachments": attachments[:_MOST_ATTACHMENTS],
        "more_attachments": max(0, len(attachments) - _MOST_ATTACHMENTS),
        "may_release": settings.release_option is ReleaseOption.RECIPIENT,
        "expires": facts.expires_at.strftime("%d %B %Y, %H:%M UTC"),
    }


def web_address(text: str) -> str:
    """The address where it is an http or https one that can stand in a mail; else nothing."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    fits = parts.scheme in ("http", "https") and bool(parts.hostname) and _PLAIN_URL.fullmatch(text) is not None
    return text if fits else ""


def _field(reading: wire.MessageReading, name: str) -> str:
    """The first top-level field of that name, for people; empty where there is none."""
    values = (field.display for field in reading.fields if field.name.lower() == name.lower())
    return shown(next(values, ""))


def _attachments(reading: wire.MessageReading) -> list[ShownAttachment]:
    """What was inspected, as people know it; a second way to read the same bytes is not a second file."""
    return [
        ShownAttachment(
            name=shown(part.name) or f"(no name, {shown(part.content_type)})",
            size=_size(part.size),
            score=part.score if part.HasField("score") else None,
        )
        for part in reading.parts
        if part.role not in (wire.PART_ROLE_CONTAINER, wire.PART_ROLE_TEXT) and not part.alternate
    ]


def _size(size: int) -> str:
    """In KB, as the vendor's pages show sizes."""
    return f"{size} bytes" if size < 1024 else f"{round(size / 1024)} KB"
