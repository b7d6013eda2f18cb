"""The release pass: one header field that takes one released message through a device once.

    X-ATP-Release-Pass: v=1; k=<key id>; r=<realm id>; p=<pass id>; x=<expiry>;
     f=<sender>; t=<recipient>; h=<digest>; s=<signature>

The cloud mints it, the device verifies it; what both must compute alike stands here once, and tests/vectors/passes.json
fixes it.

The digest covers what a mail reader shows, and nothing that a relay may touch:

- every field of SIGNED_FIELDS and every Content-* field of the top level, in order, each in DKIM's relaxed form
  (RFC 6376, section 3.4.2): name in lower case, unfolded, runs of white space as one space, none at the ends.
  All fields of a name are covered and absent names are listed as absent, so that none can be added (over-signing,
  RFC 6376, section 8.15);
- the body, byte for byte but for empty lines at its end (RFC 6376, section 3.4.3).

A relay may add Received, re-fold, and nothing else. White space inside the pass field itself may change too; its tags may
not be reordered, repeated or added to.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from atp import header_block

FIELD_NAME: Final = b"X-ATP-Release-Pass"
SIGNED_FIELDS: Final = (b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"mime-version")
SKEW_SECONDS: Final = 300
"""How far device and cloud clocks may differ where a pass's expiry is judged."""
MAX_LIFETIME_SECONDS: Final = 7 * 24 * 3600
"""No pass is minted for longer, so one that expires later than that from now was not minted now."""

_TAGS: Final = ("v", "k", "r", "p", "x", "f", "t", "h", "s")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_EXPIRY: Final = re.compile(r"[1-9][0-9]{0,11}")
_BLANKS: Final = re.compile(rb"[ \t\r\n]+")


class NotAPass(ValueError):
    """The field's text is no release pass, or the message has no canonical form."""


@dataclass(frozen=True, slots=True)
class ReleasePass:
    """What a pass says. Expiry is in seconds since 1970-01-01 UTC; sender and recipient are paths without brackets."""

    key_id: str
    realm_id: str
    pass_id: str
    expiry: int
    sender: bytes
    recipient: bytes
    digest: bytes

    def signed_bytes(self) -> bytes:
        """The bytes under the signature: one line a tag, in order, after a line that names the purpose."""
        lines = ["atp-release-pass:v1", *(f"{tag}={value}" for tag, value in self._values())]
        return "\n".join(lines).encode()

    def sign(self, key: Ed25519PrivateKey) -> bytes:
        """The whole header field, folded, its CRLF included."""
        values = [*self._values(), ("s", _base64(key.sign(self.signed_bytes())))]
        text = ";\r\n ".join(f"{tag}={value}" for tag, value in values)
        return FIELD_NAME + b": " + text.encode() + b"\r\n"

    def _values(self) -> tuple[tuple[str, str], ...]:
        return (
            ("v", "1"),
            ("k", self.key_id),
            ("r", self.realm_id),
            ("p", self.pass_id),
            ("x", str(self.expiry)),
            ("f", _base64(self.sender)),
            ("t", _base64(self.recipient)),
            ("h", _base64(self.digest)),
        )


@dataclass(frozen=True, slots=True)
class SignedPass:
    """A pass as it was read from a field: nothing of it holds before verify() says so."""

    claims: ReleasePass
    signature: bytes

    def verify(self, key: Ed25519PublicKey) -> bool:
        """Whether the key's owner signed exactly these claims."""
        try:
            key.verify(self.signature, self.claims.signed_bytes())
        except InvalidSignature:
            return False
        return True

    @classmethod
    def parse(cls, value: bytes) -> Self:
        """Read a field's value, folding included. Raises NotAPass for anything but the exact tags in order."""
        try:
            text = _BLANKS.sub(b"", value).decode("ascii")
        except UnicodeDecodeError as error:
            raise NotAPass("the pass is not ASCII") from error
        pairs = [pair.partition("=") for pair in text.split(";")]
        if tuple(tag for tag, _, _ in pairs) != _TAGS:
            raise NotAPass("the pass has other tags than a pass of version 1")
        tags = {tag: content for tag, _, content in pairs}
        ids = (tags["k"], tags["r"], tags["p"])
        if tags["v"] != "1" or _EXPIRY.fullmatch(tags["x"]) is None or not all(_ID.fullmatch(each) for each in ids):
            raise NotAPass("a tag of the pass has no possible value")
        claims = ReleasePass(*ids, int(tags["x"]), *(_unbase64(tags[tag]) for tag in ("f", "t", "h")))
        return cls(claims, _unbase64(tags["s"]))


def digest(message: bytes) -> bytes:
    """SHA-256 of the message's canonical form. Raises NotAPass where the header has none."""
    try:
        block = header_block.split(message)
    except header_block.NotAHeader as error:
        raise NotAPass(str(error)) from error
    hashed = sha256()
    for line in _canonical_header(block):
        hashed.update(line + b"\r\n")
    hashed.update(b"\r\n")
    end = _without_trailing_lines(message, block.body_start)
    hashed.update(memoryview(message)[block.body_start : end])
    return hashed.digest()


def _without_trailing_lines(message: bytes, start: int) -> int:
    """Where the body that starts there ends for the digest: after its last text line's own CRLF; nothing of empty lines."""
    end = len(message)
    while end - start >= 4 and message.endswith(b"\r\n\r\n", start, end):
        end -= 2
    return start if end - start == 2 and message.endswith(b"\r\n", start, end) else end


def _canonical_header(block: header_block.HeaderBlock) -> list[bytes]:
    """The covered fields in message order, then the covered names that are absent."""
    covered = [field for field in block.fields if field.key in SIGNED_FIELDS or field.key.startswith(b"content-")]
    present = {field.key for field in covered}
    absent = [name for name in SIGNED_FIELDS if name not in present]
    return [field.key + b":" + _BLANKS.sub(b" ", field.value).strip(b" ") for field in covered] + absent


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _unbase64(text: str) -> bytes:
    """Decode, and refuse any second spelling of the same bytes."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (Base64Error, ValueError) as error:
        raise NotAPass("a tag of the pass is not base64url") from error
    if _base64(data) != text:
        raise NotAPass("a tag of the pass is not base64url")
    return data
