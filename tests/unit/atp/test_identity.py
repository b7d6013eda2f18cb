"""A device's name has one spelling, and nothing else is a name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atp.identity import DeviceId, DeviceName, NotAnIdentity, RealmId

AUTHORITIES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True)


@settings(max_examples=100)
@given(AUTHORITIES, IDS, IDS)
def test_what_was_written_is_read(authority: str, realm: str, device: str) -> None:
    name = DeviceName(authority, RealmId(realm), DeviceId(device))
    assert DeviceName.parse(name.uri()) == name


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "spiffe://atp.invalid/realm/r/device/",
        "spiffe://atp.invalid/realm//device/d",
        "spiffe:///realm/r/device/d",
        "spiffe://atp.invalid/realm/r/device/d/",
        "spiffe://atp.invalid/realm/r/device/d/more",
        "spiffe://atp.invalid/realm/r/device/d?x=1",
        "spiffe://atp.invalid/realm/r/device/d#x",
        "spiffe://atp.invalid/realm/../device/d",
        "spiffe://atp.invalid/realm/r%2Fr/device/d",
        "spiffe://ATP.invalid/realm/r/device/d",
        "SPIFFE://atp.invalid/realm/r/device/d",
        "spiffe://atp.invalid:443/realm/r/device/d",
        "spiffe://user@atp.invalid/realm/r/device/d",
        "https://atp.invalid/realm/r/device/d",
        " spiffe://atp.invalid/realm/r/device/d",
        "spiffe://atp.invalid/realm/r/device/d\n",
        "spiffe://atp.invalid/realm/r/device/d\0",
        "spiffe://atp.invalid/realm/ré/device/d",
        "spiffe://atp.invalid/realm/-r/device/d",
        f"spiffe://atp.invalid/realm/r/device/{'d' * 65}",
    ],
)
def test_nothing_is_trimmed_folded_or_decoded(uri: str) -> None:
    with pytest.raises(NotAnIdentity):
        DeviceName.parse(uri)


@settings(max_examples=200)
@given(st.text(max_size=80))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    """Never another error, and what is read is written as it was."""
    try:
        name = DeviceName.parse(text)
    except NotAnIdentity:
        return
    assert name.uri() == text
