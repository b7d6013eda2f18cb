"""What is known of a held message without opening it, and of what was done with it: the columns, as values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cloud.quarantine.lifecycle import Act, Actor, State


class Reason(StrEnum):
    """Why a message is held."""

    MALICIOUS = "malicious"
    BLOCKLISTED = "blocklisted"


class Outcome(StrEnum):
    """What the mail server said to a replacement."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """One message. Addresses are without angle brackets, `mail_from` is empty for the null path; size in bytes.

    `acted_by` is an Actor's text, None where nobody has acted.
    """

    id: str
    realm_id: str
    device_id: str
    state: State
    received_at: datetime
    expires_at: datetime
    size: int
    score: int
    reason: Reason
    mail_from: str
    recipients: tuple[str, ...]
    client_address: str
    acted_at: datetime | None
    acted_by: str | None


@dataclass(frozen=True, slots=True)
class Sealed:
    """Where a message's content lies, and the wrapped key that opens it."""

    blob: str
    wrapped_key: bytes


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that is on disk and asks to be entered. The two digests say which message it is, for a client's retry."""

    held: HeldMessage
    sealed: Sealed
    sha256: bytes
    envelope_sha256: bytes
    request_id: str
    attempt_id: str


@dataclass(frozen=True, slots=True)
class Admission:
    """How an arrival was entered. `kept_content` is false where its entry has the content already."""

    held: HeldMessage
    attempt_id: str
    kept_content: bool


@dataclass(frozen=True, slots=True)
class Settlement:
    """What settling an attempt changed: the message's first acceptance, or the end of its content (its blob's name)."""

    first_accepted: bool = False
    destroyed_blob: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedAct:
    """An act as it stands in the record."""

    id: str
    realm_id: str
    message_id: str
    act: Act
    actor: Actor
    at: datetime
