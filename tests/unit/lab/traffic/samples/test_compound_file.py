"""[MS-CFB] files, read back by olefile."""

import io
import random

import olefile  # type: ignore[import-untyped]
import pytest

from lab.traffic.samples.compound_file import compound_file


def streams_in(content: bytes) -> dict[str, bytes]:
    with olefile.OleFileIO(io.BytesIO(content), raise_defects=olefile.DEFECT_INCORRECT) as ole:
        return {"/".join(entry): ole.openstream(entry).read() for entry in ole.listdir()}


@pytest.mark.parametrize("size", [1, 63, 64, 65, 4095, 4096, 4097, 100_000, 1_000_000])
def test_a_stream_of_any_size_comes_back(size: int) -> None:
    content = random.Random(size).randbytes(size)
    assert streams_in(compound_file({"Stream": content})) == {"Stream": content}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8, 40])
def test_many_streams_in_storages_come_back(count: int) -> None:
    streams = {f"Storage {number % 3}/Stream {number}": bytes([number]) * (number * 300 + 1) for number in range(count)}
    assert streams_in(compound_file(streams)) == streams


def test_an_empty_stream_is_a_stream() -> None:
    assert streams_in(compound_file({"Empty": b"", "Full": b"x"})) == {"Empty": b"", "Full": b"x"}


def test_more_than_the_header_can_name_is_refused() -> None:
    with pytest.raises(ValueError, match="7 MB"):
        compound_file({"Stream": bytes(8_000_000)})
