"""Stored ESMTP parameters are kept where the next server offers their extension, and nowhere else."""

import pytest

from cloud.release.envelope import Letter, NeedsUtf8

ALL = frozenset({"size", "8bitmime", "smtputf8", "dsn"})
MAIL = (b"SIZE=9", b"body=8bitmime", b"SMTPUTF8", b"RET=FULL", b"ENVID=x", b"AUTH=<>", b"MT-PRIORITY=3", b"X")
RCPT = (b"NOTIFY=SUCCESS,FAILURE", b"ORCPT=rfc822;b@example.com", b"RRVS=2014-01-01")


@pytest.mark.parametrize(
    ("offered", "mail", "rcpt"),
    [
        (ALL, [b"SIZE=50", b"body=8bitmime", b"SMTPUTF8", b"RET=FULL", b"ENVID=x"], list(RCPT[:2])),
        (frozenset({"dsn"}), [b"RET=FULL", b"ENVID=x"], list(RCPT[:2])),
        (frozenset({"smtputf8"}), [b"SMTPUTF8"], []),
        (frozenset(), [], []),
    ],
)
def test_parameters_follow_what_is_offered(offered: frozenset[str], mail: list[bytes], rcpt: list[bytes]) -> None:
    letter = Letter(b"a@example.org", b"b@example.com", b"From: a\r\n\r\n", MAIL, RCPT)
    assert letter.mail_options(offered, 50) == mail
    assert letter.rcpt_options(offered) == rcpt


def test_binary_bodies_are_never_announced() -> None:
    letter = Letter(b"", b"b@example.com", b"\r\n", (b"BODY=BINARYMIME",))
    assert letter.mail_options(frozenset({"8bitmime", "binarymime"}), 2) == []


@pytest.mark.parametrize(
    ("letter", "needs"),
    [
        (Letter(b"a@example.org", b"b@example.com", b"From: a\r\n\r\nGr\xc3\xbc\xc3\x9fe", (b"SMTPUTF8",)), False),
        (Letter(b"a@example.org", b"b@example.com", b"From: \xc3\xbc\r\n\r\n", (b"smtputf8",)), True),
        (Letter(b"\xc3\xbc@example.org", b"b@example.com", b"From: a\r\n\r\n", (b"SMTPUTF8",)), True),
        (Letter(b"", b"\xc3\xbc@example.com", b"From: a\r\n\r\n", (b"SMTPUTF8",)), True),
        (Letter(b"", b"b@example.com", b"From: \xfc\r\n\r\n"), False),
    ],
)
def test_smtputf8_is_needed_where_it_was_declared_with_reason(letter: Letter, needs: bool) -> None:
    if needs:
        with pytest.raises(NeedsUtf8):
            letter.mail_options(frozenset(), 1)
    else:
        assert letter.mail_options(frozenset(), 1) == []
