"""The table of what a shown certificate is worth."""

from datetime import UTC, datetime, timedelta

import pytest

from atp.identity import DeviceId, RealmId
from cloud.enrollment.standing import OVERLAP, Device, DeviceState, IssuedCertificate, Worth, worth_of

NOW = datetime(2030, 1, 1, tzinfo=UTC)
AGES = {"unused": None, "moments ago": NOW - OVERLAP, "long ago": NOW - OVERLAP - timedelta(seconds=1)}


def certificate(generation: int) -> IssuedCertificate:
    return IssuedCertificate(bytes([generation]) * 32, generation, b"", b"", NOW)


def device(first_used_at: datetime | None, *, previous: bool = True) -> Device:
    """A device at generation 3."""
    return Device(
        id=DeviceId("dev_1"),
        realm_id=RealmId("realm_1"),
        realm_name="one",
        serial="SN1",
        model="",
        version="",
        licences=(),
        state=DeviceState.ENROLLED,
        enrolled_at=NOW,
        state_changed_at=NOW,
        current=certificate(3),
        previous=certificate(2) if previous else None,
        first_used_at=first_used_at,
    )


@pytest.mark.parametrize(
    ("generation", "age", "worth"),
    [
        (3, "unused", Worth.FIRST),
        (3, "moments ago", Worth.CURRENT),
        (3, "long ago", Worth.CURRENT),
        (2, "unused", Worth.PREVIOUS),
        (2, "moments ago", Worth.LATE),
        (2, "long ago", Worth.CLONE),
        (1, "unused", Worth.CLONE),
        (1, "moments ago", Worth.CLONE),
        (1, "long ago", Worth.CLONE),
        (4, "long ago", Worth.CLONE),
    ],
)
def test_the_table_holds(generation: int, age: str, worth: Worth) -> None:
    assert worth_of(device(AGES[age]), bytes([generation]) * 32, NOW) is worth


def test_a_first_certificate_has_none_before_it() -> None:
    assert worth_of(device(None, previous=False), b"\x02" * 32, NOW) is Worth.CLONE
