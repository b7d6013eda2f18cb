"""The way into the console: a link that signs an administrator in once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cloud.control.administration import Administration
from cloud.control.operation import Operation
from cloud.portal.capability import SIGN_IN_LIFETIME


@dataclass(frozen=True, slots=True)
class MakeLink:
    """`realm` may be None where there is only one."""

    realm: str | None


@dataclass(frozen=True, slots=True)
class SignInLink:
    """Whoever opens it first is the realm's administrator; worthless after that, and after its time."""

    realm: str
    url: str
    expires_at: datetime


async def _make(administration: Administration, params: MakeLink) -> SignInLink:
    realm = await administration.realm(params.realm)
    expires_at = administration.clock() + SIGN_IN_LIFETIME
    url = await administration.console_links().issue(realm.id)
    await administration.audit.append("console.link_made", realm.id, administration.operator, {})
    return SignInLink(realm.name, url, expires_at)


LINK: Final = Operation("console.link", MakeLink, SignInLink, _make)
