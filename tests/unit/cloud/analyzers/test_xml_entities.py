"""XML that defines entities."""

import pytest

from cloud.analyzers.xml_entities import defines_entities


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"<?xml version='1.0'?><a/>", False),
        (b'<!DOCTYPE a [<!ENTITY name "A plain word">]><a>&name;</a>', False),
        (b'<!DOCTYPE a [<!ENTITY b "&c;&c;">]><a/>', True),
        (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a/>', True),
        (b'<!DOCTYPE a [<!ENTITY % b SYSTEM "https://a.invalid/x.dtd">]><a/>', True),
    ],
)
def test_entities_of_entities_and_entities_from_elsewhere_are_seen(content: bytes, *, expected: bool) -> None:
    assert defines_entities(content) is expected
