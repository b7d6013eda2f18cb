"""The device lets a released message through once, to the one it was released to, and nothing else that carries a pass."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from atp import release_pass
from atp.release_pass import MAX_LIFETIME_SECONDS, SKEW_SECONDS, ReleasePass
from device.inspection.passes import Absent, Fault, Issuer, Refused, Valid, check, may_carry_one, without_passes
from device.message.envelope import Envelope, Recipient

VECTORS: Final[dict[str, Any]] = json.loads((Path(__file__).parents[3] / "vectors" / "passes.json").read_text("utf-8"))
KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["seed"]))
ISSUER: Final = Issuer("realm_1", {"key_1": KEY.public_key()})
EXPIRY: Final[int] = VECTORS["expiry"]
PLAIN: Final = VECTORS["passes"][0]["message"].encode()
CLAIMS: Final = ReleasePass(
    "key_1", "realm_1", "pass_1", EXPIRY, b"alice@example.org", b"Bob@example.com", release_pass.digest(PLAIN)
)
FIELD: Final = CLAIMS.sign(KEY)
RELEASED: Final = FIELD + PLAIN


def to(*recipients: bytes, sender: bytes = b"alice@example.org") -> Envelope:
    return Envelope(sender, tuple(Recipient(path) for path in recipients))


BOB: Final = to(b"Bob@example.com")


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in VECTORS["passes"]])
def test_the_contracts_passes_hold(case: dict[str, str]) -> None:
    message = case["field"].encode() + case["message"].encode()
    found = check(message, to(case["recipient"].encode(), sender=case["sender"].encode()), ISSUER, EXPIRY)
    assert isinstance(found, Valid)
    assert found.claims.pass_id == VECTORS["pass_id"]


def test_a_message_without_a_pass_field_has_none_even_where_its_body_names_one() -> None:
    inside = PLAIN + b"\r\n" + RELEASED
    assert check(PLAIN, BOB, ISSUER, EXPIRY) == Absent()
    assert check(inside, BOB, ISSUER, EXPIRY) == Absent()
    assert without_passes(inside) == inside


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(b"Received: by relay.example.net\r\n" + RELEASED, id="Received in front"),
        pytest.param(RELEASED.replace(b";\r\n ", b"; "), id="unfolded"),
        pytest.param(RELEASED.replace(b";\r\n ", b";\r\n\t"), id="folded anew"),
        pytest.param(PLAIN.replace(b"\r\n\r\n", b"\r\n" + FIELD + b"\r\n"), id="last field"),
        pytest.param(RELEASED.replace(b"X-ATP-", b"x-atp-"), id="name in lower case"),
    ],
)
def test_what_a_relay_may_do_leaves_the_pass_good(shown: bytes) -> None:
    assert check(shown, BOB, ISSUER, EXPIRY) == Valid(CLAIMS)


@pytest.mark.parametrize(
    ("shown", "fault"),
    [
        pytest.param(FIELD + RELEASED, Fault.SEVERAL, id="twice"),
        pytest.param(b"x-atp-RELEASE-pass : forged\r\n" + RELEASED, Fault.SEVERAL, id="beside a forged one"),
        pytest.param(b"X-ATP-Release-Pass:\r\n" + PLAIN, Fault.MALFORMED, id="empty"),
        pytest.param(RELEASED.replace(b"\r\n", b"\n"), Fault.MALFORMED, id="LF only"),
        pytest.param(b"A: b\n" + RELEASED, Fault.MALFORMED, id="a bare LF in the header"),
        pytest.param(RELEASED.replace(b"Minutes\r\n of", b"Minutes\r\n \r\n of"), Fault.MALFORMED, id="a blank line"),
        pytest.param(FIELD.replace(b"pass_1", b"pass_2") + PLAIN, Fault.SIGNATURE, id="claims changed"),
        pytest.param(FIELD.replace(b"key_1", b"key_9") + PLAIN, Fault.UNKNOWN_KEY, id="key not of the policy"),
        pytest.param(replace(CLAIMS, realm_id="realm_2").sign(KEY) + PLAIN, Fault.OTHER_REALM, id="another realm"),
        pytest.param(
            CLAIMS.sign(Ed25519PrivateKey.from_private_bytes(b"x" * 32)) + PLAIN, Fault.SIGNATURE, id="forged"
        ),
        pytest.param(RELEASED + b"--b\r\n\r\nan appended part\r\n", Fault.DIGEST, id="part appended"),
        pytest.param(RELEASED[:-5], Fault.DIGEST, id="truncated"),
        pytest.param(RELEASED.replace(b"Minutes", b"Invoice"), Fault.DIGEST, id="another subject"),
        pytest.param(FIELD + b"Content-Disposition: attachment\r\n" + PLAIN, Fault.DIGEST, id="a field added"),
    ],
)
def test_anything_else_refuses_it(shown: bytes, fault: Fault) -> None:
    assert check(shown, BOB, ISSUER, EXPIRY) == Refused(fault)


@pytest.mark.parametrize(
    ("envelope", "fault"),
    [
        (to(b"Bob@EXAMPLE.com", sender=b"alice@EXAMPLE.ORG"), None),
        (to(b"bob@example.com"), Fault.RECIPIENT),
        (to(b"Bob@example.net"), Fault.RECIPIENT),
        (to(b"Bob@example.com", b"eve@example.com"), Fault.RECIPIENT),
        (to(), Fault.RECIPIENT),
        (to(b"Bob"), Fault.RECIPIENT),
        (to(b"Bob@example.com", sender=b""), Fault.SENDER),
        (to(b"Bob@example.com", sender=b"Alice@example.org"), Fault.SENDER),
        (to(b"eve@example.com", sender=b"eve@example.org"), Fault.SENDER),
    ],
)
def test_it_is_for_one_sender_and_one_recipient(envelope: Envelope, fault: Fault | None) -> None:
    assert check(RELEASED, envelope, ISSUER, EXPIRY) == (Valid(CLAIMS) if fault is None else Refused(fault))


@pytest.mark.parametrize(
    ("seconds", "fault"),
    [
        (SKEW_SECONDS, None),
        (SKEW_SECONDS + 1, Fault.LATE),
        (-MAX_LIFETIME_SECONDS - SKEW_SECONDS, None),
        (-MAX_LIFETIME_SECONDS - SKEW_SECONDS - 1, Fault.EARLY),
    ],
)
def test_time_is_judged_with_five_minutes_of_skew(seconds: int, fault: Fault | None) -> None:
    expected = Valid(CLAIMS) if fault is None else Refused(fault)
    assert check(RELEASED, BOB, ISSUER, EXPIRY + seconds) == expected


@pytest.mark.parametrize(
    ("message", "freed"),
    [
        pytest.param(RELEASED, PLAIN, id="as minted"),
        pytest.param(FIELD + b"A: b\r\n" + FIELD + FIELD + PLAIN, b"A: b\r\n" + PLAIN, id="several"),
        pytest.param(
            b"a: b\r\nx-aTp-rElEaSe-pAsS \t: x\r\n y\r\n\tz\r\nC: d\r\n\r\n", b"a: b\r\nC: d\r\n\r\n", id="odd case"
        ),
        pytest.param(b"A: b\nX-ATP-Release-Pass: x\n y\nC: d\n\nbody\n", b"A: b\nC: d\n\nbody\n", id="LF only"),
        pytest.param(b"A: b\rX-ATP-Release-Pass: x\rC: d\r\rbody", b"A: b\rC: d\r\rbody", id="CR only"),
        pytest.param(b"A: b\rX-ATP-Release-Pass: x\r\nC: d\r\n\r\n", b"A: b\r\nC: d\r\n\r\n", id="behind a bare CR"),
        pytest.param(
            b"A: b\nX-ATP-Release-Pass: x\nX-ATP-Release-Pass: y\r\n\r\n", b"A: b\r\n\r\n", id="behind a bare LF"
        ),
        pytest.param(b"A: b\r\nX-ATP-Release-Pass: x", b"A: b\r\n", id="no end"),
        pytest.param(b"A: b\n\nX-ATP-Release-Pass: x\r\n\r\nbody", b"A: b\n\r\n\r\nbody", id="behind an empty LF line"),
        pytest.param(b"X-ATP-Release-Pass\r\n : x\r\nA: b\r\n\r\n", b"A: b\r\n\r\n", id="folded before the colon"),
        pytest.param(b"\r\nX-ATP-Release-Pass: x\r\n", b"\r\nX-ATP-Release-Pass: x\r\n", id="in the body alone"),
        pytest.param(b"X-ATP-Release-Passport: x\r\n\r\n", b"X-ATP-Release-Passport: x\r\n\r\n", id="another name"),
    ],
)
def test_taking_pass_fields_out_leaves_every_other_byte(message: bytes, freed: bytes) -> None:
    assert without_passes(message) == freed


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_a_pass_is_suspected_however_the_message_was_cut(cut: int) -> None:
    shouted = RELEASED.replace(b"X-ATP-Release-Pass", b"x-atp-RELEASE-pass")
    assert may_carry_one([shouted[:cut], shouted[cut : cut + 3], shouted[cut + 3 :]])


def test_no_pass_is_suspected_behind_the_header_nor_where_none_is() -> None:
    assert not may_carry_one([])
    assert not may_carry_one([PLAIN])
    assert not may_carry_one([PLAIN, RELEASED])


PIECES: Final = st.lists(
    st.sampled_from(
        [b"A: b", b"X-ATP-Release-Pass:", b"x-atp-release-pass ", b": c", b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0"]
    )
)


@settings(max_examples=300, deadline=None)
@given(PIECES.map(b"".join))
def test_whatever_comes_no_pass_field_is_left_and_taking_out_twice_is_once(message: bytes) -> None:
    freed = without_passes(message)
    assert may_carry_one([message]) or freed == message
    assert check(freed, BOB, ISSUER, EXPIRY) == Absent()
    assert without_passes(freed) == freed


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(RELEASED) - 1), st.integers(0, 7))
def test_a_flipped_bit_of_the_released_message_is_never_valid_as_it_stands(place: int, bit: int) -> None:
    """But for the case of letters in field names, and blanks for blanks, which a relay may change."""
    flipped = bytearray(RELEASED)
    flipped[place] ^= 1 << bit
    found = check(bytes(flipped), BOB, ISSUER, EXPIRY)
    if isinstance(found, Valid):
        assert bytes(flipped).lower().split() == RELEASED.lower().split()
