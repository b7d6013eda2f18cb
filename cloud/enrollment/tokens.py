"""One-time tokens: made for a realm, printed once as part of an enrolment URL, judged when a device shows one.

A device is told the same about every token that is no good; the audit log has the precise cause.
"""

import hmac
import secrets
import string
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

from atp.enrolment_url import TOKEN_ID_CHARACTERS, TOKEN_SECRET_BYTES, EnrolmentUrl, NotAnEnrolmentUrl, Token
from atp.identity import DeviceId, RealmId
from atp.reasons import Reason
from cloud.clock import Clock
from cloud.enrollment.endpoints import Advertised
from cloud.errors import InvalidRequest, Refused
from cloud.storage.audit import AuditEntry, AuditStore
from cloud.storage.tokens import TokenRecord, TokenStore

DEFAULT_LIFETIME: Final = timedelta(hours=1)
LONGEST_LIFETIME: Final = timedelta(days=7)
REPEATABLE: Final = timedelta(minutes=10)
"""How long the same key gets the same answer to the same token: a lost reply must not strand a device."""

_ALPHABET: Final = string.ascii_letters + string.digits
_NOBODY: Final = sha256(b"").digest()
"""What an unknown token's secret is compared with, so that it takes as long as a known one's."""


class Cause(StrEnum):
    """Why a token is no good; for the audit log alone."""

    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    WRONG_SECRET = "wrong-secret"  # noqa: S105 - a cause, not a secret
    EXPIRED = "expired"
    SPENT = "spent"
    OTHER_SERIAL = "other-serial"


@dataclass(frozen=True, slots=True)
class Presented:
    """A token as a device shows it, with what else the answer depends on; `peer` is for the audit log."""

    token: str
    serial: str
    key_sha256: bytes
    peer: str


@dataclass(frozen=True, slots=True)
class Good:
    """The token may be spent."""

    record: TokenRecord


@dataclass(frozen=True, slots=True)
class SpentBefore:
    """The same key spent this token moments ago: give its device's answer again."""

    record: TokenRecord
    device_id: DeviceId


class Tokens:
    """Makes tokens, and judges them."""

    def __init__(self, store: TokenStore, audit: AuditStore, clock: Clock, pin: bytes, advertised: Advertised) -> None:
        self._store = store
        self._audit = audit
        self._clock = clock
        self._pin = pin
        self._advertised = advertised

    async def create(
        self,
        realm_id: RealmId,
        lifetime: timedelta = DEFAULT_LIFETIME,
        serial: str | None = None,
        *,
        actor: str = "administrator",
    ) -> EnrolmentUrl:
        """A new token for one device of that realm, and of that serial number where one is given.

        The URL holds the secret: show it once, keep it nowhere. Raises InvalidRequest for a lifetime beyond seven days,
        NotFound for an unknown realm.
        """
        if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
            raise InvalidRequest("a token lasts at most seven days", next_step="Choose a shorter lifetime.")
        endpoints = self._advertised()
        token = Token(_random_id(), secrets.token_bytes(TOKEN_SECRET_BYTES))
        now = self._clock()
        record = TokenRecord(token.id, realm_id, sha256(token.secret).digest(), serial, now, now + lifetime)
        fields = {"token_id": token.id, "serial": serial or "any", "expires_at": record.expires_at.isoformat()}
        await self._store.add(record, AuditEntry(now, "token.created", realm_id, actor, fields))
        return EnrolmentUrl(endpoints.host, endpoints.enrolment_port, self._pin, token)

    async def judge(self, presented: Presented) -> Good | SpentBefore:
        """What the token is good for now. Raises Refused (TOKEN_REFUSED), the same for every cause."""
        try:
            token = Token.parse(presented.token)
        except NotAnEnrolmentUrl:
            raise await self.refuse(Cause.MALFORMED, presented, None) from None
        record = await self._store.by_id(token.id)
        expected = _NOBODY if record is None else record.secret_hash
        genuine = hmac.compare_digest(expected, sha256(token.secret).digest())
        if record is None or not genuine:
            cause = Cause.UNKNOWN if record is None else Cause.WRONG_SECRET
            raise await self.refuse(cause, presented, record)
        if record.spent_by is not None and _same_again(record, presented, self._clock()):
            return SpentBefore(record, record.spent_by)
        cause_now = _cause(record, presented, self._clock())
        if cause_now is not None:
            raise await self.refuse(cause_now, presented, record)
        return Good(record)

    async def refuse(self, cause: Cause, presented: Presented, record: TokenRecord | None) -> Refused:
        """Note the precise cause; what the device is told names none."""
        token_id = "" if cause is Cause.MALFORMED else presented.token[:TOKEN_ID_CHARACTERS]
        fields = {"token_id": token_id, "cause": cause, "serial": presented.serial, "peer": presented.peer}
        realm_id = None if record is None else record.realm_id
        await self._audit.append("token.refused", realm_id, "device", fields)
        return Refused(
            "the token is unknown, used or expired, or made for another device",
            reason=Reason.TOKEN_REFUSED,
            next_step="Make a new one: srx-cloud token create --realm NAME.",
            token_id=token_id,
        )


def _same_again(record: TokenRecord, presented: Presented, now: datetime) -> bool:
    return (
        record.spent_key == presented.key_sha256 and record.spent_at is not None and now - record.spent_at <= REPEATABLE
    )


def _cause(record: TokenRecord, presented: Presented, now: datetime) -> Cause | None:
    if record.spent_at is not None:
        return Cause.SPENT
    if record.expires_at <= now:
        return Cause.EXPIRED
    if record.serial is not None and record.serial != presented.serial:
        return Cause.OTHER_SERIAL
    return None


def _random_id() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(TOKEN_ID_CHARACTERS))
