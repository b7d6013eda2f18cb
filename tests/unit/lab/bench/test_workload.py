"""The mails of a benchmark."""

from email import message_from_bytes
from itertools import islice

import pytest

from lab.bench.workload import LARGE, SMALL, Workload


@pytest.mark.parametrize("workload", [SMALL, LARGE])
def test_a_mail_has_the_size_of_its_name(workload: Workload) -> None:
    """Within two percent, so that bytes a second may be counted by it."""
    assert len(workload.mail()) == pytest.approx(workload.size, rel=0.02)


def test_new_mails_differ_in_their_attachment_alone() -> None:
    """Same size, another file each time, and an image still."""
    mails = list(islice(SMALL.new_mails(), 100))
    contents = [_attachment(mail) for mail in mails]
    assert len(set(contents)) == 100
    assert {len(mail) for mail in mails} == {len(SMALL.mail())}
    assert all(content.startswith(b"\x89PNG") for content in contents)
    assert not any(b"\r\n." in mail for mail in mails), "no dot has to be stuffed"


def test_a_number_of_mails_is_never_none() -> None:
    assert (SMALL.times(0.00001).messages, SMALL.times(3).messages) == (1, 3 * SMALL.messages)


def _attachment(mail: bytes) -> bytes:
    (part,) = (each for each in message_from_bytes(mail).walk() if each.get_filename())
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content
