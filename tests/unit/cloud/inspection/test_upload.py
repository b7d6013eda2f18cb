"""A file on its way in."""

import hashlib
import os
from pathlib import Path

import pytest

from atp.reasons import Reason
from cloud.errors import InvalidRequest
from cloud.inspection.upload import Upload
from cloud.inspection.verdicts import Digest

_CONTENT = b"some bytes" * 1000
_DIGEST = Digest(hashlib.sha256(_CONTENT).digest())


def test_what_was_sent_is_found_at_its_place_until_it_is_closed() -> None:
    with Upload(_DIGEST, len(_CONTENT)) as upload:
        for start in range(0, len(_CONTENT), 777):
            upload.write(_CONTENT[start : start + 777])
        sealed = upload.seal()
        assert Path(sealed.place).read_bytes() == _CONTENT
    assert not Path(sealed.place).exists()


def test_nobody_can_change_a_sealed_file() -> None:
    with Upload(_DIGEST, len(_CONTENT)) as upload:
        upload.write(_CONTENT)
        sealed = upload.seal()
        with pytest.raises(PermissionError):
            os.truncate(sealed.place, 0)
        with pytest.raises(PermissionError):
            Path(sealed.place).write_bytes(b"other")


@pytest.mark.parametrize(
    ("digest", "size"),
    [(_DIGEST, len(_CONTENT) - 1), (_DIGEST, len(_CONTENT) + 1), (Digest(bytes(32)), len(_CONTENT))],
    ids=["more than announced", "less than announced", "another digest"],
)
def test_what_differs_from_its_announcement_is_refused(digest: Digest, size: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        receive(digest, size)
    assert caught.value.reason is Reason.DIGEST_MISMATCH


def test_an_endless_file_is_refused_at_the_first_byte_too_many() -> None:
    with Upload(_DIGEST, 10) as upload:
        upload.write(b"0123456789")
        with pytest.raises(InvalidRequest):
            upload.write(b"x")


def test_an_empty_file_is_a_file() -> None:
    with Upload(Digest(hashlib.sha256(b"").digest()), 0) as upload:
        assert Path(upload.seal().place).read_bytes() == b""


def receive(digest: Digest, size: int) -> None:
    with Upload(digest, size) as upload:
        upload.write(_CONTENT)
        upload.seal()
