"""Enrolment tokens: made, and shown once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cloud.control.administration import Administration
from cloud.control.operation import Operation


@dataclass(frozen=True, slots=True)
class CreateToken:
    """For one device of a realm, and of that serial number where one is given. `realm` None: the only one there is."""

    realm: str | None
    serial: str | None
    lifetime_seconds: int


@dataclass(frozen=True, slots=True)
class EnrolmentLink:
    """The URL that enrols one device. It holds the secret: it is shown once and kept nowhere."""

    realm: str
    url: str
    serial: str | None
    expires_at: datetime


async def _create(administration: Administration, params: CreateToken) -> EnrolmentLink:
    realm = await administration.realm(params.realm)
    lifetime = timedelta(seconds=params.lifetime_seconds)
    expires_at = administration.clock() + lifetime
    url = await administration.tokens.create(realm.id, lifetime, params.serial, actor=administration.operator)
    return EnrolmentLink(realm.name, url.text(), params.serial, expires_at)


CREATE: Final = Operation("token.create", CreateToken, EnrolmentLink, _create)
