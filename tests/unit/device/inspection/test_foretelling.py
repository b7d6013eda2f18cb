"""What would have been done with a message is said as far as it hangs on nobody else."""

import hashlib

import pytest

from device.inspection.foretelling import Attachment, foretell
from device.interception.overheard import Heard
from device.interception.remarks import Remark
from device.message.envelope import Envelope, Recipient
from tests.wiretap import MESSAGE, PDF

PLAIN = b"Subject: x\r\n\r\nhello\r\n"
DEEP = b"".join(
    b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (number, number) for number in range(40)
)

TWO = MESSAGE.replace(b"--b--", b"--b\r\nContent-Type: image/png\r\n\r\nx\r\n--b--")


@pytest.mark.parametrize(
    ("content", "remarks", "said"),
    [
        (PLAIN, set(), "would deliver: no-attachment"),
        (MESSAGE, set(), "would ask the cloud: the score of 1 file decides"),
        (TWO, set(), "would ask the cloud: the scores of 2 files decide"),
        (DEEP, set(), "would refuse: 554 5.6.0 Message refused: too many headers or parts, or nested too deep"),
        (PLAIN, {Remark.BARE_LINE_END}, "would refuse: 550 5.5.2 Bare CR or LF around a dot"),
        (PLAIN, {Remark.BAD_CHUNK}, "would refuse: 501 5.5.4 Syntax error in arguments"),
        (b"", {Remark.TOO_BIG}, "would refuse: 552 5.3.4 Message size exceeds the limit"),
        (MESSAGE, {Remark.INCOMPLETE}, "would abandon: the message has no end"),
        (MESSAGE, {Remark.HOLE, Remark.SERVER_REFUSED}, "would ask the cloud: the score of 1 file decides"),
    ],
)
def test_the_first_note_is_what_would_have_been_done(content: bytes, remarks: set[Remark], said: str) -> None:
    inspected = foretell(Heard(content=[content], remarks=remarks))
    assert inspected.notes[0] == said
    assert remarks <= set(inspected.notes)


def test_an_attachment_is_named_measured_and_hashed() -> None:
    inspected = foretell(Heard(content=[MESSAGE[:90], MESSAGE[90:]]))
    sha256 = hashlib.sha256(PDF).hexdigest()
    assert inspected.attachments == (Attachment("a.pdf", "application/pdf", len(PDF), sha256),)


def test_what_only_another_reader_sees_is_seen() -> None:
    """Findings stand in the notes, and every reading's files among the attachments."""
    doubled = MESSAGE.replace(b"base64\r\n", b"base64\r\nContent-Transfer-Encoding: quoted-printable\r\n")
    inspected = foretell(Heard(content=[doubled]))
    assert {"mime.duplicate-encoding", "mime.several-readings"} <= set(inspected.notes)
    assert len(inspected.attachments) > 1


def test_a_release_pass_is_said_to_be_unchecked() -> None:
    inspected = foretell(Heard(content=[b"X-ATP-Release-Pass: v=1\r\n" + MESSAGE]))
    assert "pass.unchecked" in inspected.notes


@pytest.mark.parametrize(
    ("envelope", "mail_from", "rcpt_to"),
    [
        (None, None, ()),
        (Envelope(b"", (Recipient(b"b@example.net"),)), "", ("b@example.net",)),
        (
            Envelope(b"j\xc3\xbcrgen@example.com", (Recipient(b"\xff@example.net"),)),
            "jürgen@example.com",
            ("\\xff@example.net",),
        ),
    ],
)
def test_the_envelope_is_shown(envelope: Envelope | None, mail_from: str | None, rcpt_to: tuple[str, ...]) -> None:
    inspected = foretell(Heard(envelope=envelope, content=[PLAIN]))
    assert (inspected.mail_from, inspected.rcpt_to) == (mail_from, rcpt_to)
