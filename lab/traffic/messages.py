"""Messages to send, built with the standard library: what any mail program would write."""

from email.message import EmailMessage
from email.policy import SMTP as CRLF
from typing import Protocol


class Attachable(Protocol):
    """A sample that can be attached."""

    @property
    def name(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def content(self) -> bytes: ...


def message(
    sender: str, recipient: str, subject: str, text: str, *attachments: Attachable, html: str = "", identity: str = ""
) -> bytes:
    """One message with CRLF line ends; `identity` becomes the Message-ID's left side."""
    built = EmailMessage(policy=CRLF)
    built["From"] = sender
    built["To"] = recipient
    built["Subject"] = subject
    built["Date"] = "Mon, 05 Jan 2026 09:00:00 +0000"
    if identity:
        built["Message-ID"] = f"<{identity}@{sender.rpartition('@')[2].rstrip('>')}>"
    built.set_content(text)
    if html:
        built.add_alternative(html, subtype="html")
    for each in attachments:
        maintype, _, subtype = each.content_type.partition("/")
        built.add_attachment(each.content, maintype=maintype, subtype=subtype, filename=each.name)
    return built.as_bytes()
