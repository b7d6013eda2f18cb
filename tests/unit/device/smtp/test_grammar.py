"""Commands and replies, as bytes become them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.smtp import limits
from device.smtp.grammar import BadReply, ChunkHeader, Command, ReplyReader, chunk_header_of, path_of
from device.smtp.reply import Reply


@pytest.mark.parametrize(
    ("line", "path", "parameters"),
    [
        (b"MAIL FROM:<a@b>", b"a@b", ()),
        (b"mail from:<a@b> size=10 BODY=8BITMIME", b"a@b", (b"size=10", b"BODY=8BITMIME")),
        (b"MAIL FROM:<>", b"", ()),
        (b"MAIL FROM: <a@b>", b"a@b", ()),
        (b"MAIL FROM:a@b SIZE=1", b"a@b", (b"SIZE=1",)),
        (b"MAIL FROM:<@x,@y:a@b>", b"a@b", ()),
        (b'MAIL FROM:<"a b\\" > c"@d> SIZE=1', b'"a b\\" > c"@d', (b"SIZE=1",)),
        (b"MAIL FROM:<a\\@x@b>", b"a\\@x@b", ()),
        ("MAIL FROM:<jörg@b> SMTPUTF8".encode(), "jörg@b".encode(), (b"SMTPUTF8",)),
        (b"MAIL FROM:<a@[IPv6:2001:db8::1]>", b"a@[IPv6:2001:db8::1]", ()),
        (b"MAIL FROM:<a@b> AUTH=<>", b"a@b", (b"AUTH=<>",)),
        (b"MAIL FROM:<a@b>  SIZE=1 ", b"a@b", (b"SIZE=1",)),
    ],
)
def test_paths_that_every_server_reads_alike(line: bytes, path: bytes, parameters: tuple[bytes, ...]) -> None:
    read = path_of(Command.of(line), b"FROM")
    assert read is not None
    assert (read.path, read.parameters) == (path, parameters)


@pytest.mark.parametrize(
    "line",
    [
        b"MAIL",
        b"MAIL <a@b>",
        b"MAIL FROM",
        b"MAIL FROM:",
        b"MAIL TO:<a@b>",
        b"MAIL FROM:<a@b",
        b"MAIL FROM:a@b>",
        b"MAIL FROM:<a b@c>",
        b"MAIL FROM:<a@b>SIZE=1",
        b"MAIL FROM:<a@b><c@d>",
        b"MAIL FROM:<a@b> =1",
        b"MAIL FROM:<a@b> SIZE=\x01",
        b'MAIL FROM:<"a@b>',
        b"MAIL FROM:" + b'<"' * 6000,
    ],
)
def test_paths_that_could_be_read_in_two_ways_are_not_read(line: bytes) -> None:
    assert path_of(Command.of(line), b"FROM") is None


@pytest.mark.parametrize(
    ("argument", "header"),
    [
        (b"10", ChunkHeader(10, last=False, well_formed=True)),
        (b"0 LAST", ChunkHeader(0, last=True, well_formed=True)),
        (b"10 last", ChunkHeader(10, last=True, well_formed=True)),
        (b"10 FIRST", ChunkHeader(10, last=False, well_formed=False)),
        (b"10 LAST LAST", ChunkHeader(10, last=True, well_formed=False)),
        (b"", None),
        (b"-1", None),
        (b"+1", None),
        (b"1_0", None),
        (b"LAST", None),
        (b"0x10", None),
        (b"\xd9\xa1", None),
        (b"9" * 20, None),
    ],
)
def test_a_chunk_size_is_digits_and_nothing_else(argument: bytes, header: ChunkHeader | None) -> None:
    assert chunk_header_of(Command.of(b"BDAT " + argument)) == header


@given(
    st.lists(st.tuples(st.integers(200, 599), st.lists(st.sampled_from([b"", b"a", b"b c"]), min_size=1, max_size=3))),
    st.data(),
)
def test_replies_are_the_same_however_they_are_cut(said: list[tuple[int, list[bytes]]], data: st.DataObject) -> None:
    replies = [Reply(code, tuple(lines)) for code, lines in said]
    wire = b"".join(reply.wire() for reply in replies)
    reader, read = ReplyReader(), []
    while wire:
        size = data.draw(st.integers(1, 12))
        read += reader.feed(wire[:size])
        wire = wire[size:]
    assert read == replies


@pytest.mark.parametrize(
    "wire",
    [
        b"hello\r\n",
        b"25 ok\r\n",
        b"150 ok\r\n",
        b"650 ok\r\n",
        b"250+ok\r\n",
        b"250-a\r\n251 b\r\n",
        b"\r\n",
        b"250 " + b"x" * limits.REPLY_LINE + b"\r\n",
        b"x" * (limits.REPLY_LINE + 1),
        (b"250-" + b"x" * 1000 + b"\r\n") * 70,
    ],
)
def test_what_is_no_reply_is_a_bad_one(wire: bytes) -> None:
    with pytest.raises(BadReply):
        ReplyReader().feed(wire)
