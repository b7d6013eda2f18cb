"""File names and parameters: found wherever readers find them, and safe to show."""

import pytest

from device.message.declared import declare
from device.message.fields import parse as parse_header
from device.message.filenames import safe
from device.message.parameters import parse, ways_to_read, without_comments


def name_of(fields: bytes) -> str:
    return declare(parse_header(fields + b"\r\n", 0, crlf=True)).name


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        (b"Content-Disposition: attachment; filename=a.txt\r\n", "a.txt"),
        (b'Content-Disposition: attachment; filename="a b.txt"\r\n', "a b.txt"),
        (b'Content-Disposition: attachment; filename="a\\"b.txt"\r\n', 'a"b.txt'),
        (b"Content-Type: a/b; name=c.txt\r\n", "c.txt"),
        (b"Content-Type: a/b; filename=c.txt\r\n", "c.txt"),
        (b"Content-Type: a/b; name=c.txt\r\nContent-Disposition: inline; filename=d.txt\r\n", "d.txt"),
        (b"Content-Disposition: attachment; filename*=utf-8''caf%C3%A9.txt\r\n", "café.txt"),
        (b"Content-Disposition: attachment; filename*=utf-8'en-GB'caf%C3%A9.txt\r\n", "café.txt"),
        (b"Content-Disposition: attachment; filename*=iso-8859-1''caf%E9.txt; filename=b.txt\r\n", "café.txt"),
        (b"Content-Disposition: attachment; filename*0=long; filename*1=er.txt\r\n", "longer.txt"),
        (b"Content-Disposition: attachment; filename*1=er.txt; filename*0=long\r\n", "longer.txt"),
        (b"Content-Disposition: attachment;\r\n filename*0*=utf-8''caf;\r\n filename*1*=%C3%A9.txt\r\n", "café.txt"),
        (b'Content-Disposition: attachment; filename="=?utf-8?q?caf=C3=A9.txt?="\r\n', "café.txt"),
        (b"Content-Disposition: attachment; filename==?utf-8?q?caf=C3=A9.txt?=\r\n", "café.txt"),
        ('Content-Disposition: attachment; filename="café.txt"\r\n'.encode(), "café.txt"),
        (b'Content-Disposition: attachment; filename="caf\xe9.txt"\r\n', "café.txt"),
        (b"Content-Disposition: attachment; filename=\r\n", ""),
        (b"Content-Disposition: attachment\r\n", ""),
        (b'Content-Disposition: attachment; filename="never closes.txt\r\n', "never closes.txt"),
    ],
)
def test_a_name_is_found_wherever_readers_find_it(fields: bytes, wanted: str) -> None:
    assert name_of(fields) == wanted


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("a.txt", "a.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\windows\\a.exe", "a.exe"),
        ("/", "unnamed"),
        ("..", "unnamed"),
        (" . ", "unnamed"),
        ("", "unnamed"),
        ("a\0b\r\n.txt", "ab.txt"),
        ("gpj.\u202eexe", "gpj.exe"),
        ("a\u2066b\u200f.txt", "ab.txt"),
        ("e\u0301.txt", "é.txt"),
        ("\ud800a.txt", "a.txt"),
        ("a  \t b.txt", "a b.txt"),
        ("x" * 300 + ".docx", "x" * 250 + ".docx"),
        ("x" * 65536, "x" * 255),
        ("x" * 300 + "." + "y" * 300, "x" * 255),
    ],
)
def test_a_name_is_made_safe_to_show(name: str, wanted: str) -> None:
    assert safe(name) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (b"a (b) c", b"a   c"),
        (b"a (b (c) d) e", b"a   e"),
        (b'"(kept)" (gone)', b'"(kept)"  '),
        (b"a (b \\) c) d", b"a   d"),
        (b"a (never closes", b"a (never closes"),
        (b"a) b", b"a) b"),
    ],
)
def test_comments_go_and_what_only_looks_like_one_stays(value: bytes, wanted: bytes) -> None:
    assert without_comments(value) == wanted


def test_parameters_keep_their_order_and_repetitions() -> None:
    parsed = parse(b'a/b; X=1; x="2;3"; y')
    assert parsed.main == b"a/b"
    assert [(each.name, each.value) for each in parsed.parameters] == [(b"x", b"1"), (b"x", b"2;3")]


def test_the_way_that_the_standard_means_comes_first() -> None:
    assert ways_to_read(b'multipart/mixed; boundary="a b"', b"boundary") == (b"a b",)
    assert ways_to_read(b"multipart/mixed; boundary=a(c); boundary=d", b"boundary")[0] == b"a"


@pytest.mark.parametrize("hostile", [b'"\\"' * 50_000, b"(" * 100_000, b";=" * 50_000, b'="' * 50_000, b"\\" * 100_000])
def test_hostile_values_take_linear_time(hostile: bytes) -> None:
    parse(b"a/b; " + hostile)
    ways_to_read(b"a/b; boundary=" + hostile, b"boundary")
