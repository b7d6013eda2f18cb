"""The realm's lists, row by row as semantics.md ("Lists") has them."""

from collections.abc import Iterable

import pytest

from device.inspection.lists import UNLISTED, Kind, ListMatch, Standing, matched
from device.inspection.policy import CloudPolicy
from device.message.envelope import Envelope, Recipient
from device.message.mime import Scanner

ANN = b"ann@example.org"
BOB = b"bob@example.net"
CY = b"cy@example.com"


def ask(
    *,
    allow: Iterable[str] = (),
    block: Iterable[str] = (),
    sender: bytes = b"envelope@sender.example",
    recipients: tuple[bytes, ...] = (BOB,),
    header: bytes = b"From: <header@sender.example>\r\n",
    by_header_recipients: bool = True,
) -> ListMatch:
    policy = CloudPolicy(
        allow=frozenset(allow), block=frozenset(block), allow_by_header_recipients=by_header_recipients
    )
    scanner = Scanner()
    scanner.feed(header + b"\r\nhello\r\n")
    return matched(policy, Envelope(sender, tuple(Recipient(path) for path in recipients)), scanner.close())


def allowed(kind: Kind, entry: str) -> ListMatch:
    return ListMatch(Standing.ALLOWED, kind, entry)


def blocked(kind: Kind, entry: str) -> ListMatch:
    return ListMatch(Standing.BLOCKED, kind, entry)


@pytest.mark.parametrize(
    ("entry", "sender", "matches"),
    [
        ("ann@example.org", b"ann@example.org", True),
        ("Ann@Example.ORG", b"aNN@eXample.org", True),
        ("ann@example.org", b'"ann"@example.org', True),
        ("*@example.org", b"ann@example.org", True),
        ("example.org", b"ann@example.org", True),
        ("@example.org", b"ann@example.org", True),
        ("example.org", b"ann@sub.example.org", False),
        ("*@example.org", b"ann@sub.example.org", False),
        ("example.org", b"ann@notexample.org", False),
        ("bücher.example", b"ann@xn--bcher-kva.example", True),
        ("*@xn--bcher-kva.example", "ann@Bücher.example".encode(), True),
        ("<>", b"", True),
        ("<>", b"ann@example.org", False),
        ("*@example.org", b"", False),
        ("*", b"ann@example.org", False),
        ("a*@example.org", b"ann@example.org", False),
    ],
)
def test_an_entry_is_an_address_a_starred_domain_or_a_domain(entry: str, sender: bytes, matches: bool) -> None:
    assert ask(allow=[entry], sender=sender) == (allowed(Kind.MAIL_FROM, entry) if matches else UNLISTED)
    assert ask(block=[entry], sender=sender) == (blocked(Kind.MAIL_FROM, entry) if matches else UNLISTED)


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (b"From: Ann <ann@example.org>\r\n", True),
        (b"From: ann@example.org, bob@example.net\r\n", False),
        (b"From: ann@example.org, Ann <other@example.org>\r\n", True),
        (b"From: ann@example.org\r\nFrom: ann@example.org\r\n", False),
        (b"From: ann@example.org\r\nFrom : x@evil.example\r\n", False),
        (b"From: <>\r\n", False),
        (b"From: ann@example.org <x@evil.example>\r\n", False),
        (b"From: x@evil.example <ann@example.org> x@evil.example\r\n", False),
        (b"From: x@evil.example (ann@example.org)\r\n", False),
        (b'From: "ann@example.org" <x@evil.example>\r\n', False),
        (b"Sender: ann@example.org\r\n", False),
        (b"From: ann@example.org\r\n \r\nFrom: x@evil.example\r\n", False),
        (b"From: ann@example.org\r\nX: a\rFrom: x@evil.example\r\n", False),
        (b"From: ann@example.org\r\nFrom\0: x@evil.example\r\n", False),
        (b"", False),
    ],
)
def test_allow_by_from_needs_one_from_field_of_which_all_mailboxes_match(header: bytes, wanted: bool) -> None:
    assert ask(allow=["example.org"], header=header) == (
        allowed(Kind.HEADER_FROM, "example.org") if wanted else UNLISTED
    )


@pytest.mark.parametrize(
    ("recipients", "wanted"),
    [((BOB,), True), ((BOB, b"other@example.net"), True), ((BOB, CY), False), ((CY, BOB), False), ((), False)],
)
def test_allow_by_recipient_needs_every_accepted_recipient(recipients: tuple[bytes, ...], wanted: bool) -> None:
    answer = ask(allow=["example.net"], recipients=recipients)
    assert answer == (allowed(Kind.RCPT_TO, "example.net") if wanted else UNLISTED)


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (b"To: bob@example.net\r\n", True),
        (b"To: bob@example.net\r\nCc: Other <other@example.net>\r\n", True),
        (b"Cc: bob@example.net\r\n", True),
        (b"To: bob@example.net\r\nCc: cy@example.com\r\n", False),
        (b"To: bob@example.net, cy@example.com\r\n", False),
        (b"To: Group: bob@example.net, cy@example.com;\r\n", False),
        (b"To: bob@example.net x\r\n", False),
        (b"To: undisclosed-recipients:;\r\n", False),
        (b"", False),
    ],
)
def test_allow_by_to_and_cc_needs_every_address_there(header: bytes, wanted: bool) -> None:
    answer = ask(allow=["example.net"], recipients=(CY,), header=header)
    assert answer == (allowed(Kind.HEADER_TO, "example.net") if wanted else UNLISTED)


def test_a_setting_switches_allowing_by_to_and_cc_off_and_nothing_else() -> None:
    header = b"To: bob@example.net\r\n"
    assert ask(allow=["example.net"], recipients=(CY,), header=header, by_header_recipients=False) == UNLISTED
    assert ask(block=["example.net"], recipients=(CY,), header=header, by_header_recipients=False) == blocked(
        Kind.HEADER_TO, "example.net"
    )


@pytest.mark.parametrize(
    ("case", "wanted"),
    [
        ({"sender": ANN}, Kind.MAIL_FROM),
        ({"header": b"From: x@other.example, ann@example.org\r\n"}, Kind.HEADER_FROM),
        ({"header": b"From: x@other.example\r\nFrom: ann@example.org\r\n"}, Kind.HEADER_FROM),
        ({"header": b"From: ann@example.org <x@other.example> junk\r\nTo: ann@example.org\r\n"}, Kind.HEADER_TO),
        ({"recipients": (BOB, ANN)}, Kind.RCPT_TO),
        ({"header": b"To: bob@example.net, ann@example.org\r\n"}, Kind.HEADER_TO),
        ({"header": b"Cc: ann@example.org\r\n"}, Kind.HEADER_TO),
        ({"header": b"Bcc: ann@example.org\r\n"}, None),
    ],
)
def test_block_takes_any_match_of_any_kind(case: dict[str, bytes], wanted: Kind | None) -> None:
    answer = ask(block=["ann@example.org"], **case)  # type: ignore[arg-type]
    assert answer == (UNLISTED if wanted is None else blocked(wanted, "ann@example.org"))


ALL_KINDS = {
    "sender": ANN,
    "header": b"From: ann@example.org\r\nTo: ann@example.org\r\n",
    "recipients": (ANN,),
}


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        (ALL_KINDS, Kind.MAIL_FROM),
        ({**ALL_KINDS, "sender": CY}, Kind.HEADER_FROM),
        ({**ALL_KINDS, "sender": CY, "header": b"From: cy@example.com\r\nTo: ann@example.org\r\n"}, Kind.RCPT_TO),
        (
            {"sender": CY, "header": b"From: cy@example.com\r\nTo: ann@example.org\r\n", "recipients": (CY,)},
            Kind.HEADER_TO,
        ),
    ],
)
def test_of_several_kinds_the_first_is_named(case: dict[str, bytes], kind: Kind) -> None:
    assert ask(allow=["ann@example.org"], **case) == allowed(kind, "ann@example.org")  # type: ignore[arg-type]
    assert ask(block=["ann@example.org"], **case) == blocked(kind, "ann@example.org")  # type: ignore[arg-type]


def test_allow_goes_before_block_whatever_the_kinds() -> None:
    on_both = ask(allow=["ann@example.org"], block=["ann@example.org"], sender=ANN)
    weaker_allows = ask(allow=["bob@example.net"], block=["ann@example.org"], sender=ANN)
    assert on_both == allowed(Kind.MAIL_FROM, "ann@example.org")
    assert weaker_allows == allowed(Kind.RCPT_TO, "bob@example.net")


def test_an_address_is_named_before_its_domain_and_the_entry_as_it_was_written() -> None:
    assert ask(block=["example.org", "Ann@Example.org"], sender=ANN) == blocked(Kind.MAIL_FROM, "Ann@Example.org")
    assert ask(block=["*@example.org", "example.org"], sender=ANN) == blocked(Kind.MAIL_FROM, "*@example.org")


def test_a_null_sender_on_the_list_matches_no_recipient_and_no_header() -> None:
    assert ask(block=["<>"], header=b"From: <>\r\nTo: <>\r\n", recipients=(b"postmaster",)) == UNLISTED


def test_empty_lists_match_nothing() -> None:
    assert ask(sender=b"", recipients=()) == UNLISTED
