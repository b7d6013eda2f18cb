"""The compression of VBA sources: [MS-OVBA] 2.4.1, written from the specification.

A container is a signature byte and chunks; a chunk holds 4,096 bytes of text as groups of eight tokens under a flag byte: a
literal byte (0), or a copy of earlier text in the same chunk (1) with offset and length packed into 16 bits.
"""

from typing import Final

_CHUNK: Final = 4096
_SIGNATURE: Final = 0x01
_SHORTEST_COPY: Final = 3


def compress(text: bytes) -> bytes:
    """The container for this text. Text that doesn't compress is stored, its last chunk padded with zeros, as specified."""
    chunks = (text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK))
    return bytes([_SIGNATURE]) + b"".join(_chunk(chunk) for chunk in chunks)


def _chunk(text: bytes) -> bytes:
    tokens = _tokens(text)
    if len(tokens) > _CHUNK:
        # Raw: flag 0, always 4,096 bytes.
        return _header(_CHUNK, compressed=False) + text.ljust(_CHUNK, b"\0")
    return _header(len(tokens), compressed=True) + tokens


def _header(size: int, *, compressed: bool) -> bytes:
    """Size less one (the specification: chunk size with header, less three), signature 0b011, flag (2.4.1.1.5)."""
    return ((size - 1) | 0b011 << 12 | int(compressed) << 15).to_bytes(2, "little")


def _tokens(text: bytes) -> bytes:
    groups = bytearray()
    position = 0
    while position < len(text):
        flags = 0
        group = bytearray()
        for bit in range(8):
            if position >= len(text):
                break
            token, consumed = _token(text, position)
            flags |= (len(token) == 2) << bit
            group += token
            position += consumed
        groups.append(flags)
        groups += group
    return bytes(groups)


def _token(text: bytes, position: int) -> tuple[bytes, int]:
    """The next token, and how many bytes of text it stands for (2.4.1.3.19.3: pack copy token)."""
    offset_bits = max(4, (position - 1).bit_length()) if position else 4
    longest = (0xFFFF >> offset_bits) + _SHORTEST_COPY
    offset, length = _longest_match(text, position, min(longest, len(text) - position))
    if length < _SHORTEST_COPY:
        return text[position : position + 1], 1
    packed = (offset - 1) << (16 - offset_bits) | (length - _SHORTEST_COPY)
    return packed.to_bytes(2, "little"), length


def _longest_match(text: bytes, position: int, longest: int) -> tuple[int, int]:
    """Where in the text before it the longest beginning of the rest stands: how far back, how long."""
    for length in range(longest, _SHORTEST_COPY - 1, -1):
        found = text.rfind(text[position : position + length], 0, position + length - 1)
        if found >= 0:
            return position - found, length
    return 0, 0
