"""Header fields on bytes: what mail readers see, and what was odd about it."""

from collections.abc import Iterable

import pytest

from device.message.fields import Header, end_of_header, parse
from device.message.words import display, text


def read(block: bytes, *, crlf: bool = True) -> Header:
    return parse(block, 0, crlf=crlf)


def names(header: Header) -> list[bytes]:
    return [field.name for field in header.fields]


@pytest.mark.parametrize(
    ("block", "wanted", "findings"),
    [
        (b"A: 1\r\nB: 2\r\n\r\n", [b"A", b"B"], []),
        (b"A: 1\r\n 2\r\n\t3\r\nB: 4\r\n\r\n", [b"A", b"B"], []),
        (b"A : 1\r\nB\t: 2\r\n\r\n", [b"A", b"B"], ["header.blank-before-colon"]),
        (b"A: 1\nB: 2\r\n\r\n", [b"A", b"B"], ["header.bare-lf"]),
        (b"A: 1\rB: 2\r\n\r\n", [b"A"], ["header.bare-cr"]),
        (b"A: 1\0\r\n\r\n", [b"A"], ["header.nul"]),
        (b"A: 1\r\n \r\nB: 2\r\n\r\n", [b"A", b"B"], ["header.blank-fold"]),
        (b"no field here\r\nA: 1\r\n\r\n", [b"A"], ["header.no-field"]),
        (b"From a@example.org Mon\r\nA: 1\r\n\r\n", [b"A"], []),
        (b"To be sure: this is prose\r\nA: 1\r\n\r\n", [b"A"], ["header.no-field"]),
        (b"Content\xe9: 1\r\n\r\n", [b"Content\xe9"], ["header.odd-name"]),
        (b": nothing\r\nA: 1\r\n\r\n", [b"A"], ["header.no-field"]),
        (b" folded at once\r\nA: 1\r\n\r\n", [b"A"], []),
        (b"\r\n", [], []),
        (b"", [], []),
    ],
)
def test_fields_are_read_and_oddities_named(block: bytes, wanted: list[bytes], findings: list[str]) -> None:
    header = read(block)
    assert names(header) == wanted
    assert sorted(header.findings) == findings


def test_bare_line_feeds_are_not_odd_where_all_lines_end_so() -> None:
    assert read(b"A: 1\nB: 2\n\n", crlf=False).findings == frozenset()


def test_a_field_keeps_its_place_and_its_value_as_received() -> None:
    field = parse(b"A: 1\r\n 2\r\n\r\n", 100, crlf=True).fields[0]
    assert (field.start, field.end, field.value) == (100, 110, b" 1\r\n 2")


def test_fields_behind_a_bare_cr_are_known_as_hidden() -> None:
    header = read(b"A: 1\rContent-Type: text/html\r\n\r\n")
    assert [field.key for field in header.hidden] == [b"content-type"]
    assert header.values(b"content-type") == (b" text/html",)
    assert header.named(b"content-type")[0].odd


@pytest.mark.parametrize(
    ("block", "early"),
    [
        (b"A: 1\r\n \r\nB: 2\r\n\r\n", (6,)),
        (b"A: 1\r\nno field\r\nB: 2\r\n\r\n", (6,)),
        (b"A: 1\r\n\rB: 2\r\n\r\n", (6,)),
        (b"A: 1\r\nB: 2\r\n\r\n", ()),
    ],
)
def test_places_where_some_readers_end_the_header_are_known(block: bytes, early: tuple[int, ...]) -> None:
    assert read(block).early == early


@pytest.mark.parametrize(
    ("block", "strict", "wanted"),
    [
        (b"A: 1\r\n\r\nbody", False, 8),
        (b"A: 1\n\nbody", False, 6),
        (b"A: 1\n\nbody", True, None),
        (b"A: 1\n\nB: 2\r\n\r\nbody", True, 14),
        (b"\r\nbody", False, 2),
        (b"\nbody", False, 1),
        (b"A: 1\r\n", False, None),
    ],
)
def test_the_header_ends_at_its_blank_line(block: bytes, strict: bool, wanted: int | None) -> None:
    assert end_of_header(block, 0, strict=strict) == wanted


def test_the_blank_line_is_found_however_it_arrives() -> None:
    block = b"A: 1\r\n\r\n"
    found = [end_of_header(block[:size], size - 1, strict=False) for size in range(1, len(block) + 1)]
    assert found == [None] * 7 + [8]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (b" plain ", "plain"),
        (b" =?utf-8?q?caf=C3=A9?=", "café"),
        (b" =?utf-8?B?Y2Fmw6k=?= au lait", "café au lait"),
        (b" =?utf-8?q?a?=\r\n =?utf-8?q?b?=", "ab"),
        (b" =?utf-8?q?caf=C3?= =?utf-8?q?=A9?=", "café"),
        (b" =?utf-8*en?q?a_b?=", "a b"),
        (b" =?iso-8859-1?q?caf=E9?=", "café"),
        (b" =?no-such-charset?q?abc?=", "abc"),
        (b" =?unicode_escape?q?=5Cu0041?=", "\\u0041"),
        (b" =?utf-8?b?!!?=", ""),
        (b" =?utf-8?b?Y?=x", "x"),
        ("zażółć".encode(), "zażółć"),
        (b"caf\xe9", "café"),
        (b"a\0b\x1b[31mc", "ab[31mc"),
        (b"a\r\n\tb", "a b"),
    ],
)
def test_header_text_is_shown_decoded_and_without_controls(value: bytes, wanted: str) -> None:
    assert display(value) == wanted


def test_text_in_any_charset_is_never_an_error() -> None:
    charsets: Iterable[str] = ("utf-8", "", "\0", "base64", "rot13", "idna", "utf-16", "x" * 100)
    assert all(isinstance(text(b"\xff\xfeabc\0", charset), str) for charset in charsets)
