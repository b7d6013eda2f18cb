"""Ordinary mail, read at a stroke: what most programs send, and what every reader reads alike.

A message is ordinary where

- each header is, and declares one thing only (declared.py finds nothing odd in it);
- a multipart holds its parts from its first byte to its last, between boundary lines that are nothing but that;
- a leaf's content decodes in one way, and hides no file in its text.

At the first thing that is not so, None is the answer, and the careful readers (entity.py and what it opens) begin at the
beginning. Of an ordinary message they would write the same draft, three times as slowly; a property test holds both to that.
"""

import hashlib
from functools import lru_cache
from typing import Final, NamedTuple

from device.message import fields
from device.message.attachments import MAGIC_LENGTH
from device.message.declared import DEFAULT_TYPE, Declared, declare_ordinary
from device.message.draft import Draft, Frame, Node
from device.message.encodings import decoder, is_identity
from device.message.limits import LimitExceeded, ScanLimits
from device.message.reading import Sha256, Span
from device.message.text import References, begins_like_base64_of_a_file, may_hold_files

_DEEPEST: Final = 8
"""Parts within parts; people stay below, and so does this module's recursion."""

_REMEMBERED: Final = 512
"""Part headers that are kept: a client writes the same few into its mails. About half a megabyte at the most."""

_MOST_REMEMBERED: Final = 512
"""Bytes of one header; longer ones are rare, and would let senders fill memory."""


def read(message: bytes, limits: ScanLimits) -> Draft | None:
    """What the message holds; None where it is not ordinary, or beyond a limit: the careful readers say which."""
    draft = Draft(limits)
    try:
        _Whole(message, draft).read()
    except (_NotOrdinary, LimitExceeded):
        return None
    return draft


class _NotOrdinary(Exception):
    """Care is needed."""


class _Opening(NamedTuple):
    """An ordinary header: what it declares, how many fields it has, and whether it speaks MIME without saying which version."""

    declared: Declared
    fields: int
    unversioned: bool


class _Whole:
    """One message that has come whole, on its way into a draft."""

    def __init__(self, message: bytes, draft: Draft) -> None:
        self._message = message
        self._draft = draft
        self._frame = Frame(crlf=True)

    def read(self) -> None:
        """The message's own header and body."""
        end = self._end_of_header(0, len(self._message))
        self._draft.header = self._message[:end]
        opening = _opening(self._draft.header)
        if opening.unversioned:
            raise _NotOrdinary
        self._body(None, opening, Span(0, end), len(self._message), 0)

    def _part(self, parent: Node, start: int, stop: int, depth: int) -> None:
        end = self._end_of_header(start, stop)
        block = self._message[start:end]
        opening = _remembered(block) if len(block) <= _MOST_REMEMBERED else _opening(block)
        self._body(parent, opening, Span(start, end), stop, depth)

    def _end_of_header(self, start: int, stop: int) -> int:
        if self._message.startswith(b"\r\n", start, stop):
            return start + 2
        blank = self._message.find(b"\r\n\r\n", start, stop)
        if blank < 0:
            raise _NotOrdinary
        return blank + 4

    def _body(self, parent: Node | None, opening: _Opening, header: Span, stop: int, depth: int) -> None:
        """What stands between a header and the end of its part."""
        draft, declared = self._draft, opening.declared
        draft.budget.check_depth(depth)
        draft.budget.spend_header(header.end - header.start, opening.fields)
        node = draft.add(Node(parent, self._frame, header, header.end, declared, alternate=False, end=stop))
        if declared.boundaries:
            node.container = True
            self._multipart(node, b"--" + declared.boundaries[0], stop, depth)
        else:
            self._leaf(node, declared, stop)

    def _multipart(self, node: Node, delimiter: bytes, stop: int, depth: int) -> None:
        if depth == _DEEPEST:
            raise _NotOrdinary
        message = self._message
        position = node.start
        if not message.startswith(delimiter, position, stop):
            raise _NotOrdinary  # something stands before the first part
        while True:
            behind = position + len(delimiter)
            if message.startswith(b"--", behind, stop):
                break
            if not message.startswith(b"\r\n", behind, stop):
                raise _NotOrdinary
            position = self._next_boundary(delimiter, behind + 2, stop)
            self._part(node, behind + 2, position - 2, depth + 1)
        if message[behind + 2 : stop].replace(b"\r\n", b""):
            raise _NotOrdinary  # something stands behind the last part

    def _next_boundary(self, delimiter: bytes, start: int, stop: int) -> int:
        """The next delimiter that begins a line. One that stands within a line is content like any other."""
        message = self._message
        position = message.find(delimiter, start, stop)
        while position > start and message[position - 1] not in b"\r\n":
            position = message.find(delimiter, position + 1, stop)
        if position < start + 2 or message[position - 2 : position] != b"\r\n":
            raise _NotOrdinary  # no end, an empty part, or a bare line end
        return position

    def _leaf(self, node: Node, declared: Declared, stop: int) -> None:
        way = decoder(declared.encodings[0])
        content = way.feed(self._message[node.start : stop])
        rest = None if content is None else way.flush()
        if content is None or rest is None:
            raise _NotOrdinary
        content = content + rest if rest else content
        self._draft.note(*way.findings())
        self._look_into_text(declared, content)
        node.encoding, node.size, node.head = way.name, len(content), content[:MAGIC_LENGTH]
        node.sha256 = Sha256(hashlib.sha256(content).digest())

    def _look_into_text(self, declared: Declared, content: bytes) -> None:
        """What mail readers see in text beside the text: files are not ordinary, references to images are."""
        encoded = not is_identity(declared.encodings[0])
        if declared.content_type == DEFAULT_TYPE and may_hold_files(content):
            raise _NotOrdinary
        if declared.content_type == "text/html":
            references = References(self._draft)
            references.feed(content, 0)
            references.close(len(content))
        if encoded and declared.content_type in (DEFAULT_TYPE, "text/html") and begins_like_base64_of_a_file(content):
            raise _NotOrdinary


def _opening(block: bytes) -> _Opening:
    """Read a header. Raises _NotOrdinary."""
    header = fields.ordinary(block)
    if header is None:
        raise _NotOrdinary
    values = header.values
    declared = declare_ordinary(values)
    if declared.findings or declared.message or declared.content_type == "multipart/digest":
        raise _NotOrdinary  # the parts of a digest are messages
    if declared.boundaries and not is_identity(declared.encodings[0]):
        raise _NotOrdinary
    unversioned = b"mime-version" not in values and any(key.startswith(b"content-") for key in values)
    return _Opening(declared, header.fields, unversioned)


_remembered = lru_cache(_REMEMBERED)(_opening)
