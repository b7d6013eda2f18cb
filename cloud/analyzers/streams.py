"""Single compressed streams (gzip, bzip2, xz): what comes out, step by step, within the budget."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Final

from cloud.analyzers import kinds
from cloud.analyzers.budget import Budget
from cloud.analyzers.evidence import Child, File, Finding
from cloud.analyzers.vocabulary import DAMAGED

_STEP: Final = 256 * 1024
_Stream = gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile
_OPENERS: Final[dict[str, Callable[[io.BytesIO], _Stream]]] = {
    kinds.GZIP: gzip.open,
    kinds.BZIP2: bz2.open,
    kinds.XZ: lzma.open,
}
_ENDINGS: Final = {".gz": "", ".bz2": "", ".xz": "", ".tgz": ".tar", ".tbz": ".tar", ".txz": ".tar"}


def stream_content(file: File, budget: Budget) -> Iterator[Finding]:
    """The one file inside; several streams in a row are one file, as the programs take them."""
    budget.member()
    pieces: list[bytes] = []
    taken = 0
    with _OPENERS[file.kind.media_type](io.BytesIO(file.content)) as stream:
        try:
            while piece := stream.read(_STEP):
                taken += len(piece)
                budget.unpacked(len(piece))
                budget.check_ratio(len(file.content), taken)
                pieces.append(piece)
        except (zlib.error, lzma.LZMAError, OSError, EOFError):
            yield DAMAGED
    yield Child(_inner_name(file.name), b"".join(pieces))


def _inner_name(name: str) -> str:
    """`report.js.gz` unpacks to `report.js`, `tools.tgz` to `tools.tar`; without a name there is none to unpack to."""
    lower = name.lower()
    ending = next((ending for ending in _ENDINGS if lower.endswith(ending)), "")
    return name[: len(name) - len(ending)] + _ENDINGS[ending] if ending else name
