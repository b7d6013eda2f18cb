"""Release passes as the device sees them: does this message's pass hold, and how a message is freed of pass fields.

The order is the contract's, and the first thing that does not hold is the reason:

    1. exactly one field of the name, at top level, in a strict header
    2. its text is a pass, of this realm, under a key that the policy names
    3. the signature is that key's
    4. not past its expiry, nor further before it than any pass lives; five minutes of skew either way
    5. the digest is this message's
    6. the sender is this transaction's MAIL FROM
    7. the recipient is its only accepted RCPT; local parts compare exactly, domains without case

Only then is the cloud asked whether the pass has a use left. Mail from outside may carry such fields as it likes: they are
found and taken out as any server behind us might read them, odd case, folding, blanks before the colon and bare line ends
included.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from atp import header_block, release_pass
from atp.release_pass import FIELD_NAME, MAX_LIFETIME_SECONDS, SKEW_SECONDS, NotAPass, ReleasePass, SignedPass
from device.message.envelope import Envelope

_NAME: Final = FIELD_NAME.lower()
_NAMED: Final = re.compile(re.escape(FIELD_NAME) + rb"[ \t\r\n]*:", re.IGNORECASE)
_FIELD: Final = re.compile(rb"(?=.)[^\r\n]*(?:(?:\r\n|\n|\r)[ \t][^\r\n]*)*(\r\n|\n|\r|\Z)", re.DOTALL)
_BLANK_LINE: Final = b"\r\n\r\n"
_EMPTY_LINE: Final = re.compile(rb"(\A|\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")


class Fault(StrEnum):
    """Why a pass does not hold; the word that logs, events and counters use."""

    SEVERAL = "several"
    MALFORMED = "malformed"
    OTHER_REALM = "other-realm"
    UNKNOWN_KEY = "unknown-key"
    SIGNATURE = "signature"
    LATE = "late"
    EARLY = "early"
    DIGEST = "digest"
    SENDER = "sender"
    RECIPIENT = "recipient"


@dataclass(frozen=True, slots=True)
class Absent:
    """The message carries no pass field."""


@dataclass(frozen=True, slots=True)
class Valid:
    """The pass holds, as far as can be told without the cloud: RedeemPass is next."""

    claims: ReleasePass


@dataclass(frozen=True, slots=True)
class Refused:
    """The message carries pass fields and is to be treated as if it did not: without_passes(), then inspection."""

    reason: Fault


Checked = Absent | Valid | Refused


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose passes hold here: the device's own realm, and its release keys by key id."""

    realm_id: str
    keys: Mapping[str, Ed25519PublicKey]


def may_carry_one(content: Iterable[bytes]) -> bool:
    """Whether the message's header names a pass field in any view: a cheap look, before the message is joined for check()."""
    head = _head(content)
    return _NAME in head.lower() and _NAMED.search(head, 0, _end_of_header(head)) is not None


def has_whole_header(content: Iterable[bytes]) -> bool:
    """Whether the end of the header has come, so that may_carry_one() is sure."""
    return _head(content).find(_BLANK_LINE, 1) > 0


def _head(content: Iterable[bytes]) -> bytes:
    """What no view of the header goes beyond: all up to the first CRLF CRLF that is not at the very beginning."""
    head = bytearray()
    for chunk in content:
        if not head and (end := chunk.find(_BLANK_LINE, 1)) > 0:
            return chunk[: end + len(_BLANK_LINE)]
        looked_at = max(len(head) - 3, 1)
        head += chunk
        if head.find(_BLANK_LINE, looked_at) > 0:
            break
    return bytes(head)


def check(message: bytes, envelope: Envelope, issuer: Issuer, now: float) -> Checked:
    """Whether this transaction's message has a pass that holds. `now` is in seconds since 1970-01-01 UTC."""
    found = sum(1 for field in _lenient_fields(message) if _NAMED.match(field[0]))
    if not found:
        return Absent()
    if found > 1:
        return Refused(Fault.SEVERAL)
    try:
        signed = _read(message)
    except NotAPass:
        return Refused(Fault.MALFORMED)
    fault = _fault_of_pass(signed, issuer, now) or _fault_of_use(signed.claims, message, envelope)
    return Valid(signed.claims) if fault is None else Refused(fault)


def without_passes(message: bytes) -> bytes:
    """The message without any top-level pass field; every other byte stays where it was.

    But for one: where a bare CR or LF hid the field in another's line, that field ends with the hidden one's CRLF, so that it
    is not joined to the next.
    """
    kept: list[bytes] = []
    position = 0
    for field in _lenient_fields(message):
        position = field.end()
        if _NAMED.match(field[0]) is None:
            kept.append(field[0])
        elif field[1] == b"\r\n" and kept and not kept[-1].endswith(b"\r\n"):
            kept[-1] = kept[-1][:-1] + b"\r\n"
    return b"".join([*kept, message[position:]]) if position else message


def _read(message: bytes) -> SignedPass:
    """The one field's pass. Raises NotAPass, also where the header is not strict."""
    try:
        fields = header_block.split(message).fields
    except header_block.NotAHeader as error:
        raise NotAPass(str(error)) from error
    values = [field.value for field in fields if field.key == _NAME]
    if len(values) != 1:
        raise NotAPass("a strict reader sees another number of passes")
    return SignedPass.parse(values[0])


def _fault_of_pass(signed: SignedPass, issuer: Issuer, now: float) -> Fault | None:
    claims = signed.claims
    key = issuer.keys.get(claims.key_id)
    if claims.realm_id != issuer.realm_id:
        return Fault.OTHER_REALM
    if key is None:
        return Fault.UNKNOWN_KEY
    if not signed.verify(key):
        return Fault.SIGNATURE
    if now > claims.expiry + SKEW_SECONDS:
        return Fault.LATE
    if now < claims.expiry - MAX_LIFETIME_SECONDS - SKEW_SECONDS:
        return Fault.EARLY
    return None


def _fault_of_use(claims: ReleasePass, message: bytes, envelope: Envelope) -> Fault | None:
    try:
        digest = release_pass.digest(message)
    except NotAPass:
        return Fault.MALFORMED
    if digest != claims.digest:
        return Fault.DIGEST
    if not _same_path(claims.sender, envelope.mail_from):
        return Fault.SENDER
    paths = envelope.paths
    if len(paths) != 1 or not _same_path(claims.recipient, paths[0]):
        return Fault.RECIPIENT
    return None


def _same_path(one: bytes, other: bytes) -> bool:
    """RFC 5321, section 2.4: a local part may be case-sensitive, a domain is not."""
    local, at, domain = one.rpartition(b"@")
    other_local, other_at, other_domain = other.rpartition(b"@")
    if at != other_at:
        return False
    if not at:
        return one == other
    return local == other_local and _folded(domain) == _folded(other_domain)


def _folded(domain: bytes) -> str:
    return domain.decode("utf-8", "surrogateescape").casefold()


def _lenient_fields(message: bytes) -> Iterator[re.Match[bytes]]:
    """The header's fields as a lenient reader sees them; nothing where the name is nowhere in the header."""
    end = _end_of_header(message)
    if _NAMED.search(message, 0, end) is not None:
        yield from _FIELD.finditer(message, 0, end)


def _end_of_header(message: bytes) -> int:
    """Where the header ends in the longest view that a reader may take: at an empty line of any line ends, or at CRLFCRLF."""
    empty_line = _EMPTY_LINE.search(message)
    if empty_line is None:
        return len(message)
    strict = -1 if message.startswith(b"\r\n") else message.find(b"\r\n\r\n")
    return max(empty_line.end(1), strict + 2 if strict >= 0 else 0)
