"""Tokens are made for one realm and a limited time, and kept without their secret."""

from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from atp.identity import RealmId
from cloud.enrollment.endpoints import Endpoints
from cloud.enrollment.tokens import Cause, Presented, Tokens
from cloud.errors import InvalidRequest, NotFound, Refused
from cloud.storage.audit import AuditStore
from cloud.storage.engine import Database
from cloud.storage.tokens import TokenStore
from tests.enrolling import REALM, OwnClock, open_database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_database(tmp_path)
    yield database
    await database.close()


@pytest.fixture
def clock() -> OwnClock:
    return OwnClock(frozen=OwnClock()())


@pytest.fixture
def tokens(database: Database, clock: OwnClock) -> Tokens:
    endpoints = Endpoints("2001:db8::1", 8443, 9443)
    return Tokens(TokenStore(database), AuditStore(database, clock), clock, b"p" * 32, lambda: endpoints)


async def test_the_url_says_where_which_root_and_which_token(tokens: Tokens) -> None:
    url = await tokens.create(REALM)
    assert (url.host, url.port, url.pin) == ("2001:db8::1", 8443, b"p" * 32)
    assert url.text().startswith("atp://[2001:db8::1]:8443/enroll#pin=")


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_the_secret_is_kept_nowhere(tokens: Tokens, database: Database, tmp_path: Path) -> None:
    url = await tokens.create(REALM, serial="SN1")
    record = await TokenStore(database).by_id(url.token.id)
    assert record is not None
    assert record.secret_hash == sha256(url.token.secret).digest()
    kept = everything_in(tmp_path)
    assert url.token.id.encode() in kept
    assert url.token.secret not in kept
    assert url.token.text().encode() not in kept


async def test_the_maker_and_the_terms_are_noted(tokens: Tokens, database: Database, clock: OwnClock) -> None:
    url = await tokens.create(REALM, timedelta(hours=2), "SN1", actor="ada")
    (entry,) = await AuditStore(database, clock).latest(REALM)
    assert (entry.what, entry.actor, entry.at) == ("token.created", "ada", clock())
    assert (entry.fields["token_id"], entry.fields["serial"]) == (url.token.id, "SN1")


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(seconds=-1), timedelta(days=7, seconds=1)])
async def test_a_lifetime_beyond_seven_days_is_refused(tokens: Tokens, lifetime: timedelta) -> None:
    with pytest.raises(InvalidRequest):
        await tokens.create(REALM, lifetime)


async def test_a_token_for_no_realm_is_refused(tokens: Tokens) -> None:
    with pytest.raises(NotFound):
        await tokens.create(RealmId("realm_none"))


async def test_a_token_is_good_until_its_time_and_not_at_it(
    tokens: Tokens, clock: OwnClock, database: Database
) -> None:
    url = await tokens.create(REALM, timedelta(minutes=5))
    presented = Presented(url.token.text(), "SN1", b"k" * 32, "ipv4:192.0.2.1:1")
    clock.forward(seconds=299)
    await tokens.judge(presented)
    clock.forward(seconds=1)
    with pytest.raises(Refused):
        await tokens.judge(presented)
    (entry, _) = await AuditStore(database, clock).latest()
    assert entry.fields == {
        "token_id": url.token.id,
        "cause": Cause.EXPIRED,
        "serial": "SN1",
        "peer": "ipv4:192.0.2.1:1",
    }


async def test_expired_tokens_can_be_forgotten(tokens: Tokens, clock: OwnClock, database: Database) -> None:
    old = await tokens.create(REALM, timedelta(minutes=5))
    new = await tokens.create(REALM, timedelta(days=5))
    store = TokenStore(database)
    assert await store.drop_expired(clock() + timedelta(days=1)) == 1
    assert await store.by_id(old.token.id) is None
    assert await store.by_id(new.token.id) is not None
