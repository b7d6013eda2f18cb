"""The header as bytes: fields in order, folding kept, and where the body starts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atp import header_block
from atp.header_block import NotAHeader

MESSAGE = b"From: a\r\nSubject : b\r\n\tc\r\nX-Empty:\r\n\r\nbody: no field\r\n"


def test_fields_come_in_order_with_their_folding_and_place() -> None:
    block = header_block.split(MESSAGE)
    assert [(field.name, field.value) for field in block.fields] == [
        (b"From", b" a"),
        (b"Subject", b" b\r\n\tc"),
        (b"X-Empty", b""),
    ]
    assert all(MESSAGE[field.start : field.end] == field.raw for field in block.fields)
    assert MESSAGE[block.body_start :] == b"body: no field\r\n"


@pytest.mark.parametrize(
    ("message", "fields", "body"),
    [
        (b"", 0, b""),
        (b"\r\nbody", 0, b"body"),
        (b"A: b\r\n", 1, b""),
        (b"A: b", 1, b""),
        (b"A: b\r\n\r\n", 1, b""),
        (b"A: b\r\n\r\n\r\nx", 1, b"\r\nx"),
    ],
)
def test_odd_but_strict_messages_split(message: bytes, fields: int, body: bytes) -> None:
    block = header_block.split(message)
    assert (len(block.fields), message[block.body_start :]) == (fields, body)


@pytest.mark.parametrize(
    "header",
    [
        b"A: b\nC: d\r\n",
        b"A: b\rC: d\r\n",
        b"A: \0\r\n",
        b"no field\r\n",
        b" folded\r\nA: b\r\n",
        b": x\r\n",
        b"A: b\r\n \r\n c\r\n",
        b"A: b\r\n\t \r\n",
        b"A: b\r\n ",
    ],
)
def test_what_readers_may_take_differently_is_no_header(header: bytes) -> None:
    with pytest.raises(NotAHeader):
        header_block.split(header + b"\r\nbody")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200).map(lambda tail: b"A: b\r\n" + tail))
def test_fields_and_body_cover_a_strict_message_without_a_gap(message: bytes) -> None:
    try:
        block = header_block.split(message)
    except NotAHeader:
        return
    header = b"".join(field.raw for field in block.fields)
    assert message == header + message[len(header) : block.body_start] + message[block.body_start :]
    assert message[len(header) : block.body_start] in (b"", b"\r\n")
