"""Nonces: proof that a signature was made just now, for whoever cannot show a certificate in TLS any more."""

import secrets
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from atp.reasons import Reason
from cloud.clock import Clock
from cloud.errors import NotSignedIn

NONCE_BYTES: Final = 32
LIFETIME: Final = timedelta(minutes=1)
MOST: Final = 10_000
"""Open nonces; beyond it the oldest is void. Strangers can ask for one, at the rate of the enrolment port."""


class Challenges:
    """Gives out nonces and takes each back once. They do not outlive a restart: a device asks again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: OrderedDict[bytes, datetime] = OrderedDict()

    def issue(self) -> bytes:
        """A new nonce, good once and for one minute."""
        now = self._clock()
        while self._open and (len(self._open) >= MOST or next(iter(self._open.values())) <= now):
            self._open.popitem(last=False)
        nonce = secrets.token_bytes(NONCE_BYTES)
        self._open[nonce] = now + LIFETIME
        return nonce

    def redeem(self, nonce: bytes, key: EllipticCurvePublicKey, signed: bytes, proof: bytes) -> None:
        """The key's owner signed this (ECDSA-SHA256) after the nonce was issued. Raises NotSignedIn (PROOF_REFUSED)."""
        ends_at = self._open.pop(nonce, None)
        if ends_at is None or ends_at < self._clock():
            raise _refused("the nonce is unknown, used or older than a minute")
        try:
            key.verify(proof, signed, ECDSA(SHA256()))
        except InvalidSignature:
            raise _refused("the proof was not made with the certificate's key over this nonce") from None


def _refused(sentence: str) -> NotSignedIn:
    return NotSignedIn(
        sentence, reason=Reason.PROOF_REFUSED, next_step="Ask for a new nonce (Challenge) and try again."
    )
