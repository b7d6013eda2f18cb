"""A release pass holds for the message that it was made for, and for nothing else."""

import json
import random
import re
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from atp import release_pass
from atp.release_pass import NotAPass, ReleasePass, SignedPass

VECTORS: Final[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "vectors" / "passes.json").read_text("utf-8"))
KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["seed"]))
PUBLIC: Final = Ed25519PublicKey.from_public_bytes(bytes.fromhex(VECTORS["public_key"]))
PLAIN: Final = VECTORS["passes"][0]["message"].encode()
MUTATIONS: Final = 1500


def cases(section: str) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in VECTORS[section]]


def claims_of(case: dict[str, str]) -> ReleasePass:
    return ReleasePass(
        VECTORS["key_id"],
        VECTORS["realm_id"],
        VECTORS["pass_id"],
        VECTORS["expiry"],
        case["sender"].encode(),
        case["recipient"].encode(),
        bytes.fromhex(case["digest"]),
    )


def value_of(field: bytes) -> bytes:
    return field.partition(b":")[2].removesuffix(b"\r\n")


@pytest.mark.parametrize("case", cases("passes"))
def test_the_digest_is_the_vectors(case: dict[str, str]) -> None:
    assert release_pass.digest(case["message"].encode()).hex() == case["digest"]


@pytest.mark.parametrize("case", cases("passes"))
def test_signing_gives_the_vectors_field_and_reading_it_gives_the_claims_back(case: dict[str, str]) -> None:
    field = claims_of(case).sign(KEY)
    signed = SignedPass.parse(value_of(field))
    assert field == case["field"].encode()
    assert signed.claims == claims_of(case)
    assert signed.verify(PUBLIC)


@pytest.mark.parametrize("case", cases("same_digest"))
def test_what_a_relay_may_do_keeps_the_digest(case: dict[str, str]) -> None:
    assert release_pass.digest(case["message"].encode()) == release_pass.digest(PLAIN)


@pytest.mark.parametrize("case", cases("other_digest"))
def test_what_a_relay_may_not_do_changes_the_digest(case: dict[str, str]) -> None:
    assert release_pass.digest(case["message"].encode()) != release_pass.digest(PLAIN)


@pytest.mark.parametrize("case", cases("no_digest"))
def test_a_header_that_readers_may_see_differently_has_no_digest(case: dict[str, str]) -> None:
    with pytest.raises(NotAPass):
        release_pass.digest(case["message"].encode())


@pytest.mark.parametrize("case", cases("no_pass"))
def test_only_the_exact_tags_in_order_are_a_pass(case: dict[str, str]) -> None:
    with pytest.raises(NotAPass):
        SignedPass.parse(case["value"].encode())


def test_a_pass_that_was_folded_anew_still_reads() -> None:
    value = value_of(VECTORS["passes"][0]["field"].encode())
    signed = SignedPass.parse(value.replace(b"s=1L", b"s=\r\n\t1\r\n L"))
    assert signed.verify(PUBLIC)


@pytest.mark.parametrize("length", [0, 1, 63, 65, 128])
def test_a_signature_of_another_length_never_verifies(length: int) -> None:
    assert not SignedPass(claims_of(VECTORS["passes"][0]), bytes(length)).verify(PUBLIC)


def test_a_body_of_empty_lines_alone_is_an_empty_body() -> None:
    header = b"From: a@example.com\r\n"
    bodies = (b"", b"\r\n", b"\r\n\r\n", b"\r\n\r\n\r\n\r\n")
    assert len({release_pass.digest(header + body) for body in bodies}) == 1


def test_no_mutation_that_changes_the_canonical_form_is_accepted() -> None:
    """Flips, cuts, doublings and insertions all over message and pass; what must hold is said by a second reading of ours."""
    dice = random.Random(20260101)
    original = claims_of(VECTORS["passes"][0])
    value = value_of(original.sign(KEY))
    accepted, changed = 0, 0
    while changed < MUTATIONS:
        message = mutated(PLAIN, dice) if dice.random() < 0.6 else PLAIN
        shown = value if message != PLAIN else mutated(value, dice)
        if canonical(message) == canonical(PLAIN) and same_pass(shown, value):
            continue
        changed += 1
        accepted += holds(message, shown)
    assert accepted == 0


def test_mutations_that_keep_the_canonical_form_are_accepted() -> None:
    """The other half of the promise: the test above does not pass because nothing is ever accepted."""
    dice = random.Random(20260102)
    value = value_of(claims_of(VECTORS["passes"][0]).sign(KEY))
    for _ in range(200):
        assert holds(relayed(PLAIN, dice), value)


def holds(message: bytes, value: bytes) -> bool:
    try:
        signed = SignedPass.parse(value)
        return signed.verify(PUBLIC) and signed.claims.digest == release_pass.digest(message)
    except NotAPass:
        return False


def mutated(data: bytes, dice: random.Random) -> bytes:
    """One to three small changes at random places."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 3)):
        place = dice.randrange(len(changed))
        match dice.randrange(5):
            case 0:
                changed[place] ^= 1 << dice.randrange(8)
            case 1:
                changed[place] = dice.choice(b" \t\r\n:;=\0aA\xff")
            case 2:
                del changed[place : place + dice.randint(1, 8)]
            case 3:
                changed[place:place] = changed[place : place + dice.randint(1, 40)]
            case _:
                changed[place:place] = dice.choice((b"\r\n", b"\n", b"Cc: a@b\r\n", b" ", b"\r\n\r\n", b"x"))
        if not changed:
            changed += b"x"
    return bytes(changed)


def relayed(message: bytes, dice: random.Random) -> bytes:
    """Received in front, and folds at random blanks of the header."""
    header, blank, body = message.partition(b"\r\n\r\n")
    folded = re.sub(rb"(?<=\w) (?=\w)", lambda _: dice.choice((b" ", b"\r\n ", b"\r\n\t", b"  ")), header)
    return b"Received: by relay.example.net; Thu, 1 Jan 2026 00:00:00 +0000\r\n" + folded + blank + body


def same_pass(one: bytes, other: bytes) -> bool:
    def bare(value: bytes) -> bytes:
        return re.sub(rb"[ \t\r\n]", b"", value)

    return bare(one) == bare(other)


def canonical(message: bytes) -> tuple[frozenset[tuple[int, bytes]], bytes] | None:
    """A second, slower reading of the rule: the covered fields in order, and the body; None for a header that is not strict."""
    header, _, body = (b"\r\n" + message).partition(b"\r\n\r\n")
    if re.search(rb"\0|(?<!\r)\n|\r(?!\n)|\n[ \t]+(\r|\Z)", header):
        return None
    fields = re.sub(rb"\r\n(?=[ \t])", b"", header).split(b"\r\n")[1:]
    covered = []
    for field in fields:
        name, colon, value = field.partition(b":")
        name = name.rstrip(b" \t").lower()
        if not colon or not re.fullmatch(rb"[!-9;-~]+", name):
            return None
        if name in release_pass.SIGNED_FIELDS or name.startswith(b"content-"):
            covered.append(name + b":" + b" ".join(value.split()))
    return frozenset(enumerate(covered)), re.sub(rb"(\r\n)+\Z", b"\r\n", body).removeprefix(
        b"" if body.strip() else b"\r\n"
    )
