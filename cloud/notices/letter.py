"""A notice as a mail: text and a small HTML beside it, 7-bit, marked so that no machine answers it.

1. From is the realm's notice address; the envelope sender is the null path, whatever happens to the notice (RFC 3834).
2. Message-ID and Date are the notice's own and the same for each attempt: a copy that comes twice is seen as one.
3. Auto-Submitted keeps vacation programs from answering.
4. Nothing but the recipient's own address reaches a header field from outside, and only where it can stand there.
"""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from cloud.notices.topics import Notice
from cloud.notices.words import Words
from cloud.policy.realm_settings import RealmSettings
from cloud.quarantine.replacement import header_sender

_DISPLAY_NAME: Final = "E-mail quarantine"
_NAMEABLE: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+")


class NoticeWriter:
    """Writes notices; holds the templates. `host` is this cloud's name in mail."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._templates = Environment(
            loader=PackageLoader("cloud.notices"),
            autoescape=select_autoescape(("html",)),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )

    def write(self, notice: Notice, words: Words, settings: RealmSettings) -> bytes:
        """A whole RFC 5322 message: CRLF, 7-bit."""
        message = EmailMessage(policy=SMTP.clone(cte_type="7bit", max_line_length=76))
        message["From"] = Address(_DISPLAY_NAME, addr_spec=header_sender(settings, self._host))
        # An address that can't stand in an ASCII field is served by its envelope alone.
        message["To"] = notice.recipient if _NAMEABLE.fullmatch(notice.recipient) else "undisclosed-recipients:;"
        message["Subject"] = words.subject
        message["Date"] = format_datetime(notice.created_at)
        message["Message-ID"] = f"<{notice.id}@{self._host}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"
        message.set_content(self._render("notice.txt", words), cte="quoted-printable")
        message.add_alternative(self._render("notice.html", words), subtype="html", cte="quoted-printable")
        message.set_boundary("=_" + sha256(notice.id.encode()).hexdigest()[:32])
        return message.as_bytes()

    def _render(self, template: str, words: Words) -> str:
        return self._templates.get_template(template).render(words=words)
