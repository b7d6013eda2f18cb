r"""Files inside of documents: packages and objects of Word, Excel and PowerPoint, attachments of Outlook messages.

[MS-OLEDS] 2.3.6 for packages (stream \\x01Ole10Native); [MS-OXMSG] 2.2 for attachments (storages __attach_version1.0_#…).
"""

import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import Child, Finding
from cloud.analyzers.kinds import RUNNING_EXTENSIONS, extension
from cloud.analyzers.office_container import opened_ole, read_part
from cloud.analyzers.vocabulary import ACTIVE_X, DAMAGED, EMBEDDED_OBJECT, EMBEDDED_PROGRAM, EQUATION

_EQUATION_CLASS: Final = "0002ce02-0000-0000-c000-000000000046"
_ATTACHMENT: Final = "__attach_version1.0_"
_ATTACHED_DATA: Final = "__substg1.0_37010102"
_ATTACHED_NAMES: Final = (
    "__substg1.0_3707001f",
    "__substg1.0_3704001f",
    "__substg1.0_3707001e",
    "__substg1.0_3704001e",
)
_BIGGEST: Final = 32 * 1024 * 1024


def objects_in_ooxml(content: bytes, budget: Budget) -> Iterator[Finding]:
    """Parts below embeddings/, which Office opens with a double click."""
    with zipfile.ZipFile(BytesIO(content)) as package:
        for part in package.infolist():
            lower = part.filename.lower()
            if "/activex/" in lower and lower.endswith(".bin"):
                yield ACTIVE_X.inside(part.filename)
            if "/embeddings/" in lower and not part.is_dir() and not part.flag_bits & 1:
                budget.member()
                yield EMBEDDED_OBJECT.inside(part.filename)
                yield Child(part.filename, read_part(package, part, budget))


def objects_in_ole(content: bytes, budget: Budget) -> Iterator[Finding]:
    """Streams that hold packages or attachments, and classes of objects that are attacks by themselves."""
    with opened_ole(content) as ole:
        if ole is None:
            yield DAMAGED
            return
        for entry in ole.listdir(streams=True, storages=True):
            if ole.exists(entry) and str(ole.getclsid(entry)).lower() == _EQUATION_CLASS:
                yield EQUATION
            yield from _object_at(ole, entry, budget)


def _object_at(ole: Any, entry: list[str], budget: Budget) -> Iterator[Finding]:
    last = entry[-1].lower()
    if last == "\x01ole10native":
        budget.member()
        yield from package(_stream(ole, entry, budget))
    elif last == _ATTACHED_DATA and entry[0].lower().startswith(_ATTACHMENT):
        budget.member()
        yield Child(_attachment_name(ole, entry[:-1]), _stream(ole, entry, budget))
    elif last == "equation native":
        yield EQUATION


def package(native: bytes) -> Iterator[Finding]:
    """The file in an OLE package."""
    from oletools.oleobj import OleNativeStream  # noqa: PLC0415 - few documents have one

    stream = OleNativeStream(native)
    if stream.is_link or not stream.data:
        return
    name = str(stream.filename or stream.src_path or "")
    yield EMBEDDED_OBJECT.inside(name)
    if extension(name) in RUNNING_EXTENSIONS:
        yield EMBEDDED_PROGRAM.inside(name)
    yield Child(name, bytes(stream.data))


def _stream(ole: Any, entry: list[str], budget: Budget) -> bytes:
    with ole.openstream(entry) as stream:
        content: bytes = stream.read(min(budget.room, _BIGGEST))
    budget.unpacked(len(content))
    return content


def _attachment_name(ole: Any, storage: list[str]) -> str:
    for stream in _ATTACHED_NAMES:
        if ole.exists([*storage, stream]):
            with ole.openstream([*storage, stream]) as opened:
                raw: bytes = opened.read(4096)
            return raw.decode("utf-16-le" if stream.endswith("f") else "cp1252", "replace").rstrip("\0")
    return ""
