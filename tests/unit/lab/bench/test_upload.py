"""The device's upload beside a bare stream."""

import pytest

from device.cloudlink.channel import CHUNK_BYTES
from lab.bench.goals import UPLOAD_RATIO
from lab.bench.upload import Attachment, figures
from lab.bench.workload import LARGE


def test_the_ratio_is_of_rounds() -> None:
    found = {each.measure: each.value for each in figures([80, 40], [100, 40], 3)}
    assert found[UPLOAD_RATIO] == pytest.approx(0.9)


def test_both_send_the_same_bytes_in_chunks_of_256_kib() -> None:
    """The attachment is the mail's one, decoded."""
    attachment = Attachment.of(LARGE.mail())
    assert sum(map(len, attachment.content)) == attachment.part.size > LARGE.size * 0.7
    assert {len(chunk) for chunk in attachment.content[:-1]} == {CHUNK_BYTES}
