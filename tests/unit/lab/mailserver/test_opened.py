"""A message as people see it: decoded, its files to be taken out, whatever it looks like."""

from email.message import EmailMessage

import pytest

from lab.mailserver.opened import Attachment, opened


def test_text_is_read_and_files_are_taken_out() -> None:
    """Plain text goes before HTML; a text with a name is a file, and so is a message inside."""
    inner = EmailMessage()
    inner["Subject"] = "Inside"
    inner.set_content("inner text")
    mail = EmailMessage()
    mail["Subject"], mail["From"] = "Grüße", "Zoë <zoe@example.com>"
    mail.set_content("Größe: 7")
    mail.add_alternative("<p>html</p>", subtype="html")
    mail.add_attachment(b"\x00\x01", maintype="application", subtype="zip", filename="a ü.zip")
    mail.add_attachment("secret", filename="password.txt")
    mail.add_attachment(inner)
    seen = opened(mail.as_bytes())
    assert (seen.subject, seen.sender, seen.text.strip()) == ("Grüße", "Zoë <zoe@example.com>", "Größe: 7")
    archive, password, message = seen.attachments
    assert archive == Attachment("a ü.zip", "application/zip", b"\x00\x01")
    assert (password.name, password.content.strip()) == ("password.txt", b"secret")
    assert (message.media_type, b"inner text" in message.content) == ("message/rfc822", True)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ""),
        (b"no header at all", "no header at all"),
        (b"Content-Type: text/html\r\n\r\n<p>x</p>", "<p>x</p>"),
        (b"Content-Type: text/plain; charset=no-such\r\n\r\nGr\xc3\xbc\xc3\x9fe", "Grüße"),
        (b"Content-Type: text/plain; charset=us-ascii\r\n\r\n\xff", "\ufffd"),
        (b"Content-Transfer-Encoding: base64\r\n\r\n!!!", ""),
        (b"Content-Type: multipart/mixed; boundary=x\r\n\r\nno part", ""),
        (b"Subject: =?no-such?q?x?=\r\nFrom: =?utf-8?b?A?=\r\n\r\nx", "x"),
    ],
)
def test_a_damaged_message_opens_all_the_same(content: bytes, text: str) -> None:
    """With what can be shown of it."""
    assert opened(content).text == text


def test_what_cannot_be_decoded_is_shown_as_it_stands() -> None:
    """A header field in an unknown character set."""
    assert opened(b"Subject: =?no-such?q?x?=\r\n\r\n").subject == "=?no-such?q?x?="
