"""Tagging: the warning is added, fields of the same name are replaced, and no other byte changes."""

from email import message_from_bytes
from email.policy import SMTP
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from device.actions.tag import tagged
from device.inspection.policy import WarningHeaders
from device.message.limits import ScanLimits
from device.message.mime import Scanner
from device.message.reading import Reading

MAIL = b"From: a@example.com\r\nSubject: Hello\r\nX-Spam-Flag: NO\r\nTo: b@example.net\r\n\r\nBody\r\n"


def read(message: bytes) -> Reading:
    """The scanner's reading of a whole message."""
    scanner = Scanner(ScanLimits())
    scanner.feed(message)
    return scanner.close()


def tag(message: bytes, warning: WarningHeaders | None = None) -> bytes:
    """The message as it is delivered with a warning."""
    return b"".join(tagged([message], read(message), warning or WarningHeaders()))


def test_the_default_warning() -> None:
    """X-Spam-Flag, X-Distribution and the subject's prefix, as the design has them; a sender's NO is gone."""
    assert tag(MAIL) == (
        b"X-Spam-Flag: YES\r\nX-Distribution: Spam\r\n"
        b"From: a@example.com\r\nSubject: [Possible spam] Hello\r\nTo: b@example.net\r\n\r\nBody\r\n"
    )


def test_nothing_configured_changes_nothing() -> None:
    """Each of the three can be left out."""
    assert tag(MAIL, WarningHeaders("", x_spam_flag=False, subject_prefix="")) == MAIL


def test_a_message_without_subject_gets_one() -> None:
    """The prefix alone."""
    tagged_mail = message_from_bytes(tag(b"From: a@example.com\r\n\r\nBody\r\n"), policy=SMTP)
    assert tagged_mail["Subject"] == "[Possible spam]"


def test_encoded_subjects_stay_encoded() -> None:
    """An encoded word is not touched, and a prefix that is not ASCII becomes one."""
    mail = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n"
    out = tag(mail, WarningHeaders(subject_prefix="[Gefährlich] "))
    assert b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=" in out
    out.decode("ascii")
    assert "Gefährlich" in str(message_from_bytes(out, policy=SMTP)["Subject"])


@given(st.lists(st.integers(0, len(MAIL)), max_size=6))
def test_chunks_do_not_matter(cuts: list[int]) -> None:
    """However the message lies in chunks, the same bytes go out."""
    edges = [0, *sorted(cuts), len(MAIL)]
    chunks = [MAIL[start:end] for start, end in pairwise(edges)]
    assert b"".join(tagged(chunks, read(MAIL), WarningHeaders())) == tag(MAIL)
