"""An overheard dialogue gives the messages that the device would have taken, and says where it can't be followed."""

import itertools
import random
from collections.abc import Iterable

import pytest

from device.interception.overheard import Heard
from device.interception.overhearing import HELD, RECIPIENTS, Overhearing
from device.interception.remarks import Remark
from tests.wiretap import BEFORE, DATA, MAIL, MESSAGE, QUIT, Line

SIZE_LIMIT = 2 * HELD
TLS = b"\x16\x03\x01\x00\x05hello"
Script = Iterable[tuple[str, bytes | int]]
"""Lines, and holes as sizes."""


class Ear:
    """Follows one script."""

    def __init__(self, script: Script, *, from_start: bool = True) -> None:
        self.heard: list[Heard] = []
        dialogue = Overhearing(SIZE_LIMIT, self.heard.append, from_start=from_start)
        for who, what in script:
            if isinstance(what, bytes):
                (dialogue.hear_client if who == "C" else dialogue.hear_server)(what)
            elif who == "C":
                dialogue.lose_client(what)
            else:
                dialogue.lose_server()
        dialogue.finish()
        self.remarks = dialogue.remarks

    @property
    def contents(self) -> list[bytes]:
        return [b"".join(each.content) for each in self.heard]

    @property
    def envelopes(self) -> list[tuple[bytes, tuple[bytes, ...]] | None]:
        envelopes = (each.envelope for each in self.heard)
        return [None if each is None else (each.mail_from, each.paths) for each in envelopes]


A_TO_B = (b"a@example.com", (b"b@example.net",))
SHORT = b"Subject: x\r\n\r\nhello\r\n"
TAKEN = [("C", b".\r\n"), ("S", b"250 taken\r\n")]


def test_a_message_is_heard_with_its_envelope() -> None:
    ear = Ear(MAIL)
    assert (ear.contents, ear.envelopes, ear.remarks) == ([MESSAGE], [A_TO_B], set())
    assert ear.heard[0].remarks == set()


def test_any_cutting_of_both_sides_gives_the_same() -> None:
    """Byte by byte, and in random pieces."""
    for seed in range(20):
        chance = random.Random(seed)
        script: list[Line] = []
        for who, said in MAIL:
            cuts = sorted({0, len(said), *(chance.randrange(len(said)) for _ in range(seed))})
            script += [(who, said[start:end]) for start, end in itertools.pairwise(cuts)]
        assert Ear(script).contents == [MESSAGE]
    assert Ear([(who, bytes([byte])) for who, said in MAIL for byte in said]).contents == [MESSAGE]


@pytest.mark.parametrize("order", ["CS", "SC"])
def test_the_order_in_which_a_capture_has_the_two_sides_does_not_matter(order: str) -> None:
    ear = Ear([(who, said) for side in order for who, said in MAIL if who == side])
    assert (ear.contents, ear.envelopes, ear.remarks) == ([MESSAGE], [A_TO_B], set())


def test_pipelined_commands_are_matched_with_their_replies() -> None:
    """Also a refused recipient among them, and what is refused is not in the envelope."""
    ear = Ear(
        [
            ("S", b"220 x\r\n"),
            ("C", b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<no@example.net>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"),
            ("S", b"250 x\r\n250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n"),
            ("C", SHORT + b".\r\nQUIT\r\n"),
            ("S", b"250 ok\r\n221 bye\r\n"),
        ]
    )
    assert ear.envelopes == [(b"", (b"b@example.net",))]


def test_several_messages_and_a_reset_between() -> None:
    again = [("C", b"RSET\r\n"), ("S", b"250 ok\r\n"), *BEFORE[3:], *DATA, ("C", SHORT), *TAKEN]
    ear = Ear([*BEFORE, *again, *again[2:], *QUIT])
    assert (ear.contents, ear.envelopes) == ([SHORT, SHORT], [A_TO_B, A_TO_B])


def test_a_reset_takes_the_envelope_away() -> None:
    ear = Ear([*BEFORE, ("C", b"RSET\r\n"), ("S", b"250 ok\r\n"), *DATA, ("C", SHORT), *TAKEN])
    assert ear.envelopes == [None]


def test_recipients_beyond_the_devices_limit_are_left_out_and_told() -> None:
    recipient: list[Line] = [("C", b"RCPT TO:<c@example.net>\r\n"), ("S", b"250 ok\r\n")]
    ear = Ear([*BEFORE, *recipient * RECIPIENTS, *DATA, ("C", SHORT), *TAKEN])
    assert ear.heard[0].envelope is not None
    assert len(ear.heard[0].envelope.recipients) == RECIPIENTS
    assert ear.remarks == {Remark.TOO_MANY_RECIPIENTS}


def test_dots_are_unstuffed() -> None:
    assert Ear([*BEFORE, *DATA, ("C", b"..a\r\n"), *TAKEN]).contents == [b".a\r\n"]


def test_chunks_make_one_message() -> None:
    ear = Ear(
        [
            *BEFORE,
            ("C", b"BDAT 5\r\nab\r\n."),
            ("S", b"250 ok\r\n"),
            ("C", b"BDAT 3\r\nx\r\nBDAT 0 LAST\r\nQUIT\r\n"),
            ("S", b"250 ok\r\n250 taken\r\n221 bye\r\n"),
        ]
    )
    assert (ear.contents, ear.envelopes, ear.remarks) == ([b"ab\r\n.x\r\n"], [A_TO_B], set())


@pytest.mark.parametrize("chunk", [b"BDAT -1 LAST\r\n", b"BDAT x\r\n", b"BDAT 15555555557777777777 LAST\r\n"])
def test_a_chunk_whose_size_cannot_be_read_ends_the_following(chunk: bytes) -> None:
    ear = Ear([*BEFORE, ("C", chunk + SHORT)])
    assert (ear.heard, ear.remarks) == ([], {Remark.UNREADABLE_CHUNK})


@pytest.mark.parametrize(
    ("script", "remark"),
    [
        ([*DATA, ("C", b"a\n.\r\nb\r\n"), *TAKEN], Remark.BARE_LINE_END),
        ([("C", b"BDAT 3 LAST x\r\nabc"), ("S", b"250 ok\r\n")], Remark.BAD_CHUNK),
        ([*DATA, ("C", bytes(SIZE_LIMIT + 1) + b"\r\n"), *TAKEN], Remark.TOO_BIG),
        ([*DATA, ("C", SHORT)], Remark.INCOMPLETE),
        ([("C", b"BDAT 9\r\nabc")], Remark.INCOMPLETE),
        ([*DATA, ("C", SHORT + b".\r\n"), ("S", b"550 no\r\n")], Remark.SERVER_REFUSED),
    ],
)
def test_what_is_odd_about_a_message_is_said(script: list[Line], remark: Remark) -> None:
    (heard,) = Ear([*BEFORE, *script]).heard
    assert heard.remarks == {remark}


def test_data_within_chunks_is_said() -> None:
    ear = Ear([*BEFORE, ("C", b"BDAT 3\r\nabc"), ("S", b"250 ok\r\n"), ("C", b"DATA\r\n"), ("S", b"503 no\r\n")])
    assert (ear.heard, ear.remarks) == ([], {Remark.MIXED})


def test_refused_data_is_followed_by_commands() -> None:
    ear = Ear([*BEFORE, ("C", b"DATA\r\n"), ("S", b"554 no\r\n"), *BEFORE[3:], *DATA, ("C", SHORT), *TAKEN])
    assert (ear.contents, ear.envelopes) == ([SHORT], [A_TO_B])


def test_the_lines_of_a_sign_in_are_no_commands() -> None:
    sign_in = [
        ("C", b"AUTH LOGIN\r\n"),
        ("S", b"334 VXNlcg==\r\n"),
        ("C", b"DATA\r\n"),
        ("S", b"334 UGFzcw==\r\n"),
        ("C", b"RSET\r\n"),
        ("S", b"235 ok\r\n"),
    ]
    assert Ear([*BEFORE[:3], *sign_in, *BEFORE[3:], *DATA, ("C", SHORT), *TAKEN]).contents == [SHORT]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ([*BEFORE[:3], ("C", b"STARTTLS\r\n"), ("S", b"220 go\r\n"), ("C", TLS), ("S", TLS)], {Remark.STARTTLS}),
        ([*BEFORE[:3], ("C", b"STARTTLS\r\n"), ("C", TLS)], {Remark.STARTTLS, Remark.REPLIES_ASSUMED}),
        (
            [*BEFORE[:3], ("C", b"STARTTLS\r\nMAIL FROM:<a@example.com>\r\n"), ("S", b"220 go\r\n"), ("C", TLS)],
            {Remark.STARTTLS, Remark.INJECTED},
        ),
        ([("C", TLS), ("S", TLS)], {Remark.IMPLICIT_TLS}),
    ],
)
def test_what_is_encrypted_is_said_and_not_read(script: list[Line], said: set[Remark]) -> None:
    ear = Ear(script)
    assert (ear.heard, ear.remarks) == ([], said)


def test_a_refused_starttls_changes_nothing() -> None:
    refused = [("C", b"STARTTLS\r\n"), ("S", b"454 no\r\n")]
    assert Ear([*BEFORE[:3], *refused, *BEFORE[3:], *DATA, ("C", SHORT), *TAKEN]).contents == [SHORT]


def test_where_no_reply_was_captured_the_server_is_taken_to_have_consented() -> None:
    ear = Ear([(who, said) for who, said in MAIL if who == "C"])
    assert (ear.contents, ear.envelopes, ear.remarks) == ([MESSAGE], [A_TO_B], {Remark.REPLIES_ASSUMED})


@pytest.mark.parametrize("reply", [b"nonsense\r\n", 7])
def test_replies_that_are_lost_or_unreadable_are_assumed(reply: bytes | int) -> None:
    ear = Ear([*BEFORE[:4], ("S", reply), *BEFORE[5:], *DATA, ("C", SHORT), *TAKEN])
    assert (ear.contents, ear.envelopes, ear.remarks) == ([SHORT], [A_TO_B], {Remark.REPLIES_ASSUMED})


@pytest.mark.parametrize(
    "before",
    [
        BEFORE[1:],
        [*BEFORE[:2], *BEFORE[3:]],
        [("S", b"220 one\r\n220 more\r\n"), *BEFORE[1:]],
    ],
    ids=["no greeting", "a reply too few", "a reply too many"],
)
def test_replies_out_of_step_do_not_hide_a_message(before: list[Line]) -> None:
    ear = Ear([*before, *DATA, ("C", SHORT), *TAKEN])
    assert (ear.contents, ear.envelopes, ear.remarks) == ([SHORT], [A_TO_B], {Remark.REPLIES_ASSUMED})


def test_a_body_that_waits_for_a_lost_reply_is_read_before_it_fills_memory() -> None:
    ear = Ear([*BEFORE, ("C", b"DATA\r\n"), ("C", b"x" * (HELD + 1) + b"\r\n.\r\n")])
    assert [each.size for each in ear.heard] == [HELD + 3]


def test_a_hole_in_a_message_is_said_and_the_rest_read() -> None:
    ear = Ear([*BEFORE, *DATA, ("C", b"one\r\ntw"), ("C", 7), ("C", b"ee\r\n"), *TAKEN])
    assert ear.heard[0].remarks == {Remark.HOLE}
    assert ear.contents == [b"one\r\ntw\r\nee\r\n"]


def test_a_message_whose_end_is_in_a_hole_does_not_swallow_the_next() -> None:
    ear = Ear(
        [
            *BEFORE,
            *DATA,
            ("C", b"one\r\n"),
            ("C", 20),
            ("C", b"UIT?\r\nMAIL FROM:<c@example.com>\r\nRCPT TO:<d@example.net>\r\nDATA\r\n"),
            ("C", SHORT + b".\r\n"),
            ("S", b"250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n"),
        ]
    )
    assert ear.contents == [b"one\r\n\r\nUIT?\r\n", SHORT]
    assert ear.heard[0].remarks == {Remark.HOLE, Remark.INCOMPLETE}
    assert ear.envelopes[1] == (b"c@example.com", (b"d@example.net",))


def test_a_hole_in_a_chunk_is_counted() -> None:
    ear = Ear([*BEFORE, ("C", b"BDAT 9 LAST\r\nabc"), ("C", 3), ("C", b"ghiQUIT\r\n"), ("S", b"250 ok\r\n221 x\r\n")])
    assert (ear.contents, ear.heard[0].remarks) == ([b"abcghi"], {Remark.HOLE})


def test_behind_a_hole_among_commands_the_next_one_is_searched() -> None:
    ear = Ear([*BEFORE[:3], ("C", 30), ("C", b"rest\r\n"), *BEFORE[3:], *DATA, ("C", SHORT), *TAKEN])
    assert (ear.contents, ear.envelopes) == ([SHORT], [A_TO_B])
    assert ear.remarks == {Remark.SEARCHED, Remark.REPLIES_ASSUMED}


def test_a_capture_that_starts_within_a_message_goes_on_with_the_next() -> None:
    ear = Ear(
        [("C", b"end of one\r\n.\r\n"), ("S", b"250 ok\r\n"), *BEFORE[3:], *DATA, ("C", SHORT), *TAKEN],
        from_start=False,
    )
    assert (ear.contents, ear.envelopes) == ([SHORT], [A_TO_B])
    assert ear.remarks == {Remark.SEARCHED, Remark.REPLIES_ASSUMED}
