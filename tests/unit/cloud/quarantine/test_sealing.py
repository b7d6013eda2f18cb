"""Sealed chunks: what comes out is what went in, or nothing is said to be whole."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.errors import Damaged
from cloud.quarantine.sealing import CHUNK, Opener, Sealer, binding

KEY = bytes(range(32))
CONTEXT = binding("realm", "message")
MARK_BYTES = 5
SEALED_CHUNK = CHUNK + 16
SIZES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7)


def seal(content: bytes, *, piece: int = 50_000, key: bytes = KEY, context: bytes = CONTEXT) -> bytes:
    sealer = Sealer(key, context)
    pieces = [sealer.update(content[start : start + piece]) for start in range(0, len(content), piece)]
    return b"".join([*pieces, sealer.finish()])


def open_(sealed: bytes, *, piece: int = 70_000, key: bytes = KEY, context: bytes = CONTEXT) -> bytes:
    opener = Opener(key, context)
    pieces = [opener.update(sealed[start : start + piece]) for start in range(0, len(sealed), piece)]
    return b"".join([*pieces, opener.finish()])


def content_of(size: int) -> bytes:
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


THREE_CHUNKS = seal(content_of(2 * CHUNK + 100))


@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_opens_however_it_is_cut_into_pieces(size: int) -> None:
    content = content_of(size)
    for piece in (1_000, CHUNK, SEALED_CHUNK, SEALED_CHUNK + 1, 10 * CHUNK):
        assert open_(seal(content, piece=piece), piece=piece) == content


def test_byte_by_byte_is_no_different() -> None:
    assert open_(seal(b"some content", piece=1), piece=1) == b"some content"


@pytest.mark.parametrize("size", SIZES)
def test_sealed_content_is_longer_by_a_mark_and_a_tag_a_chunk(size: int) -> None:
    chunks = max(1, -(-size // CHUNK))
    assert len(seal(content_of(size))) == MARK_BYTES + size + 16 * chunks


@settings(max_examples=150, deadline=None)
@given(position=st.integers(0, len(THREE_CHUNKS) - 1), bit=st.integers(0, 7))
def test_every_flipped_bit_is_found(position: int, bit: int) -> None:
    changed = bytearray(THREE_CHUNKS)
    changed[position] ^= 1 << bit
    with pytest.raises(Damaged):
        open_(bytes(changed))


@settings(max_examples=100, deadline=None)
@given(length=st.integers(0, len(THREE_CHUNKS) - 1))
def test_every_truncation_is_found(length: int) -> None:
    with pytest.raises(Damaged):
        open_(THREE_CHUNKS[:length])


@pytest.mark.parametrize("length", [MARK_BYTES + SEALED_CHUNK * n for n in (0, 1, 2)])
def test_a_cut_between_two_chunks_is_found(length: int) -> None:
    with pytest.raises(Damaged):
        open_(THREE_CHUNKS[:length])


@settings(max_examples=50, deadline=None)
@given(tail=st.binary(min_size=1, max_size=40))
def test_an_appended_tail_is_found(tail: bytes) -> None:
    with pytest.raises(Damaged):
        open_(THREE_CHUNKS + tail)


def test_chunks_in_another_order_are_found() -> None:
    mark, body = THREE_CHUNKS[:MARK_BYTES], THREE_CHUNKS[MARK_BYTES:]
    first, second, last = body[:SEALED_CHUNK], body[SEALED_CHUNK : 2 * SEALED_CHUNK], body[2 * SEALED_CHUNK :]
    for order in ((second, first, last), (first, first, last), (first, last), (second, last), (last,)):
        with pytest.raises(Damaged):
            open_(mark + b"".join(order))


@pytest.mark.parametrize("context", [binding("realm", "other"), binding("other", "message"), binding("realmmessage")])
def test_content_opens_in_its_own_place_alone(context: bytes) -> None:
    with pytest.raises(Damaged):
        open_(seal(b"content"), context=context)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(Damaged):
        open_(seal(b"content"), key=bytes(32))


def test_no_two_lists_of_names_bind_alike() -> None:
    lists = [("ab", "c"), ("a", "bc"), ("abc",), ("abc", ""), ("", "abc"), ()]
    assert len({binding(*names) for names in lists}) == len(lists)


def test_no_two_chunks_are_sealed_alike() -> None:
    """The same content under one key: only the counter differs."""
    sealed = seal(bytes(3 * CHUNK))
    body = sealed[MARK_BYTES:]
    assert len({body[start : start + 64] for start in range(0, 3 * SEALED_CHUNK, SEALED_CHUNK)}) == 3
