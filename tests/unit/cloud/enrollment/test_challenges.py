"""A nonce is good once, for a minute, and for one signature."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from atp.proofs import diagnose_proof, recover_proof
from atp.reasons import Reason
from cloud.enrollment.challenges import MOST, Challenges
from cloud.errors import NotSignedIn
from tests.enrolling import OwnClock

KEY = generate_private_key(SECP256R1())


def redeem(challenges: Challenges, nonce: bytes, signed: bytes, expected: bytes | None = None) -> None:
    proof = KEY.sign(signed, ECDSA(SHA256()))
    challenges.redeem(nonce, KEY.public_key(), signed if expected is None else expected, proof)


@pytest.fixture
def clock() -> OwnClock:
    return OwnClock(frozen=OwnClock()())


def test_it_is_good_once(clock: OwnClock) -> None:
    challenges = Challenges(clock)
    nonce = challenges.issue()
    redeem(challenges, nonce, diagnose_proof(nonce))
    with pytest.raises(NotSignedIn) as raised:
        redeem(challenges, nonce, diagnose_proof(nonce))
    assert raised.value.reason is Reason.PROOF_REFUSED


def test_it_is_good_for_a_minute(clock: OwnClock) -> None:
    challenges = Challenges(clock)
    nonces = [challenges.issue(), challenges.issue()]
    clock.forward(seconds=60)
    redeem(challenges, nonces[0], diagnose_proof(nonces[0]))
    clock.forward(seconds=1)
    with pytest.raises(NotSignedIn, match="older than a minute"):
        redeem(challenges, nonces[1], diagnose_proof(nonces[1]))


def test_a_proof_for_one_purpose_is_none_for_another_and_uses_the_nonce_up(clock: OwnClock) -> None:
    challenges = Challenges(clock)
    nonce = challenges.issue()
    with pytest.raises(NotSignedIn, match="not made with the certificate's key"):
        redeem(challenges, nonce, diagnose_proof(nonce), recover_proof(nonce, b""))
    with pytest.raises(NotSignedIn, match="unknown, used"):
        redeem(challenges, nonce, diagnose_proof(nonce))


def test_what_strangers_can_hoard_is_bounded(clock: OwnClock) -> None:
    challenges = Challenges(clock)
    first = challenges.issue()
    for _ in range(MOST):
        challenges.issue()
    assert len(challenges._open) == MOST
    with pytest.raises(NotSignedIn):
        redeem(challenges, first, diagnose_proof(first))
