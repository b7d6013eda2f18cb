"""The message's parts, built anew: what is shown stays, what is a file goes into the ZIP, what would be false is dropped.

part                                      becomes
----------------------------------------  ----------------------------------------------------------------
anything that the device put in the ZIP   a member of the ZIP; nothing inside it is looked at again
an attached message                       a member of the ZIP, whole
text                                      itself, 7-bit; files inside it (uuencode, yEnc) are cut out
inline image, calendar, report            itself, 7-bit
detached signature                        dropped: it is over bytes that are no more
multipart                                 itself with what is left; one that holds one part is that part
"""

import re
from typing import Final

from atp.v1 import quarantine_pb2 as wire
from cloud.release.fields import of_part, value_of
from cloud.release.members import File
from cloud.release.mime import Branch, Entity, Leaf
from cloud.release.original import Original

_TOKEN: Final = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")
_CHARSET: Final = re.compile(r"[A-Za-z0-9_.:+-]+")
_REPORT_TYPE: Final = re.compile(rb'(?i)report-type\s*=\s*"?([a-z0-9-]+)')
_BEFORE_FILE: Final = re.compile(rb"(?:begin [0-7]{3,4} |=ybegin )[^\r\n]*(?:\r\n)?\Z")
_AFTER_FILE: Final = re.compile(rb"\A(?:\r\n)?(?:`?\r\n)?(?:end|=yend [^\r\n]*)(?:\r\n|\Z)")


class Rebuilt:
    """What one original becomes. Raises Unreproducible from the constructor."""

    def __init__(self, original: Original) -> None:
        original.check()
        self.files: list[File] = []
        self.dropped_signatures = 0
        self._original = original
        self.shown = self._entity(original.parts[0])

    def _entity(self, part: wire.ReadPart) -> Entity | None:
        if part.in_zip or part.role == wire.PART_ROLE_MESSAGE:
            self.files.append(self._file(part))
            return None
        match part.role:
            case wire.PART_ROLE_CONTAINER:
                return self._branch(part)
            case wire.PART_ROLE_SIGNATURE:
                self.dropped_signatures += 1
                return None
            case wire.PART_ROLE_TEXT:
                return self._text(part)
            case _:
                return Leaf(_fields_of(part, self._original.header(part)), self._original.body(part))

    def _branch(self, part: wire.ReadPart) -> Entity | None:
        entities = [self._entity(child) for child in self._original.children(part)]
        left = tuple(entity for entity in entities if entity is not None)
        if len(left) < 2:
            return left[0] if left else None
        subtype = part.content_type.partition("/")[2]
        if subtype == "report":
            return Branch(subtype, left, _report_type(self._original.header(part)))
        return Branch(subtype if subtype in ("alternative", "related") else "mixed", left)

    def _text(self, part: wire.ReadPart) -> Entity | None:
        """Text without the files in it. Where they can't be cut out exactly, the whole text goes into the ZIP."""
        inside = self._original.children(part)
        files = [child for child in inside if child.in_zip]
        if not all(self._original.inside(part, file) for file in files):
            self.files.append(self._file(part))
            return None
        self.files.extend(self._file(file) for file in files)
        content = self._without(part, files) if files else self._original.body(part)
        return Leaf(_fields_of(part, self._original.header(part)), content)

    def _without(self, part: wire.ReadPart, files: list[wire.ReadPart]) -> bytes:
        """The text's bytes around the files, their begin and end lines gone too."""
        kept = []
        position = part.body.start
        for file in sorted(files, key=lambda each: each.body.start):
            before = self._original.content[position : max(file.body.start, position)]
            kept.append(_BEFORE_FILE.sub(b"", before))
            position = max(file.body.end, position)
            ending = _AFTER_FILE.match(self._original.content[position : min(part.body.end, position + 1024)])
            position += ending.end() if ending else 0
        return b"".join([*kept, self._original.content[position : part.body.end]])

    def _file(self, part: wire.ReadPart) -> File:
        """A part as a file; a multipart that is one (an encrypted message, say) is its own little message."""
        if part.content_type.startswith("multipart/"):
            return File(f"{part.name or 'message'}.eml", "message/rfc822", self._original.entity(part))
        return File(part.name, part.content_type, self._original.body(part))


def _report_type(header: bytes) -> tuple[str, ...]:
    """What kind of report it is: readers go by it (RFC 6522, section 3)."""
    found = _REPORT_TYPE.search(value_of(of_part(header).get(b"content-type", b"")))
    return (f"report-type={found[1].decode()}",) if found else ()


def _fields_of(part: wire.ReadPart, header: bytes) -> tuple[bytes, ...]:
    """The part's own Content-* fields; its type as the device read it where its own words say another."""
    fields = of_part(header)
    said = value_of(fields.pop(b"content-type", b"")).partition(b";")
    if said[0].strip().lower() == part.content_type.encode():
        kind = b"Content-Type: " + b"".join(said) + b"\r\n"
    else:
        kind = _type_as_read(part)
    return (kind, *fields.values())


def _type_as_read(part: wire.ReadPart) -> bytes:
    kind = part.content_type if _TOKEN.fullmatch(part.content_type) else "application/octet-stream"
    charset = f"; charset={part.charset}" if _CHARSET.fullmatch(part.charset) and kind.startswith("text/") else ""
    return f"Content-Type: {kind}{charset}\r\n".encode()
