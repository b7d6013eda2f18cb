"""The standard library's view: asked only where the scanner is unsure, and never losing anything."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from device.message.content import decoded
from device.message.limits import Limit
from device.message.reading import Reading
from device.message.second_opinion import LARGEST, is_wanted, with_second_opinion

Scan = Callable[[bytes], Reading]

CONTENT = b"a harmless file" * 4
LINES = base64.encodebytes(CONTENT).replace(b"\n", b"\r\n")
ORDINARY = (
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\n"
    b"Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n" + LINES + b"--b--\r\n"
)
UNSURE = ORDINARY.replace(b"Content-Type: a/b\r\n", b"Content-Type: a/b\r\nContent-Type: a/c\r\n")


def test_ordinary_mail_needs_no_second_opinion(scan: Scan) -> None:
    reading = scan(ORDINARY)
    assert not is_wanted(reading)
    assert with_second_opinion(ORDINARY, reading) is reading


def test_where_both_see_the_same_files_nothing_is_added(scan: Scan) -> None:
    reading = scan(UNSURE)
    assert is_wanted(reading)
    assert with_second_opinion(UNSURE, reading) is reading


def test_a_file_that_only_the_other_parser_sees_is_inspected_too(scan: Scan) -> None:
    reading = scan(UNSURE)
    blind = replace(reading, parts=reading.parts[:2])
    second = with_second_opinion([UNSURE[:100], UNSURE[100:]], blind)
    added = second.parts[-1]
    assert second.ambiguous
    assert "mime.second-opinion" in second.findings
    assert (added.alternate, added.sha256) == (True, hashlib.sha256(CONTENT).digest())
    assert b"".join(decoded(UNSURE, added)) == CONTENT


@pytest.mark.parametrize("excuse", ["too large", "over a limit"])
def test_it_is_not_asked_for_what_is_too_large_or_refused(excuse: str, scan: Scan) -> None:
    reading = scan(UNSURE)
    large = replace(reading, size=LARGEST + 1)
    refused = replace(reading, exceeded=Limit.PARTS)
    assert not is_wanted(large if excuse == "too large" else refused)
