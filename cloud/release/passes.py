"""Minting: the pass that takes one message, from one sender to one recipient, through the devices."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from atp.release_pass import MAX_LIFETIME_SECONDS, ReleasePass, digest

MAX_LIFETIME: Final = timedelta(seconds=MAX_LIFETIME_SECONDS)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A realm's release key with its private half."""

    key_id: str
    realm_id: str
    private: Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Minted:
    """A pass as it is remembered. `uses`: how many devices on the path may redeem it; `message_id` None for a notice."""

    claims: ReleasePass
    message_id: str | None
    uses: int
    minted_at: datetime

    @property
    def expires_at(self) -> datetime:
        return datetime.fromtimestamp(self.claims.expiry, self.minted_at.tzinfo)


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a pass holds and how often it is redeemed: the realm's settings."""

    lifetime: timedelta
    uses: int


def mint(
    key: SigningKey, pass_id: str, message: bytes, path: tuple[bytes, bytes], terms: Terms, now: datetime
) -> ReleasePass:
    """A fresh pass for that message; `path` is MAIL FROM and the one recipient, without brackets.

    The message must be what is sent, line for line. Raises NotAPass for one whose header has no canonical form.
    """
    expiry = int((now + min(terms.lifetime, MAX_LIFETIME)).timestamp())
    return ReleasePass(key.key_id, key.realm_id, pass_id, expiry, *path, digest(message))
