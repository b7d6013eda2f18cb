"""Links and cookies: unguessable, kept as digests, scoped, over in time; who tries without one learns nothing."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from cloud.portal.capability import digest_of, random_secret
from cloud.portal.guesses import MAX_GUESSES
from cloud.storage.links import MessageLink
from cloud.storage.sessions import MAX_SESSIONS_A_MESSAGE, Session
from tests.unit.cloud.portal.rig import START, Browser, Rig


def test_a_secret_has_256_bits() -> None:
    """As 43 characters that need no escaping in a URL or a cookie."""
    secret = random_secret()
    assert len(secret) == 43
    assert secret.replace("-", "").replace("_", "").isalnum()
    assert secret != random_secret()


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_the_database_holds_no_secret(rig: Rig, browser: Browser, tmp_path: Path) -> None:
    """Neither a link's token nor a cookie stands in any file of the state."""
    held = await rig.hold()
    message_link = await rig.link_to(held)
    sign_in = await rig.console_links.issue(rig.realm.id)
    await browser.get(message_link)
    await rig.sign_in(browser)
    secrets = [message_link.rsplit("/", 1)[1], sign_in.rsplit("/", 1)[1], *browser.http.cookies.values()]
    assert len(secrets) == 4
    kept = everything_in(tmp_path)
    assert digest_of(secrets[0]) in kept
    assert not any(secret.encode() in kept for secret in secrets)


async def test_a_wrong_an_expired_and_another_messages_link_look_alike(rig: Rig, browser: Browser) -> None:
    """Status, words and headers are the same: nobody learns which it was."""
    held, other = await rig.hold(), await rig.hold()
    expiring = (await rig.links.issue(held.realm_id, held.id, START + timedelta(hours=1))).removeprefix(
        rig.base_url.origin
    )
    await rig.open(browser, held)
    rig.time.passes(hours=1)
    answers = [await browser.get(path) for path in ("/m/never", expiring, f"/message/{other.id}", "/message/msg_never")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert len({tuple(answer.headers.items()) for answer in answers}) == 1


async def test_a_session_is_over_when_its_link_is(rig: Rig, browser: Browser) -> None:
    """And after twelve hours in any case."""
    held = await rig.hold()
    short = await rig.links.issue(held.realm_id, held.id, START + timedelta(hours=1))
    await browser.get(short.removeprefix(rig.base_url.origin))
    path = f"/message/{held.id}"
    rig.time.passes(minutes=59)
    assert (await browser.get(path)).status_code == 200
    rig.time.passes(minutes=1)
    assert (await browser.get(path)).status_code == 404
    await rig.open(browser, held)
    rig.time.passes(hours=12)
    assert (await browser.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("base", "start", "is_secure"),
    [("https://quarantine.example.com", "__Secure-atp-", True), ("http://127.0.0.1:8025", "atp-", False)],
)
async def test_cookies_are_scoped(tmp_path: Path, base: str, start: str, is_secure: bool) -> None:
    """HttpOnly, strict, for one path; Secure wherever the portal is https; gone with the browser."""
    rig = await Rig.build(tmp_path, base)
    held = await rig.hold()
    async with rig.browser() as browser:
        recipient = (await browser.get(await rig.link_to(held))).headers["set-cookie"]
        sign_in = (await rig.console_links.issue(rig.realm.id)).removeprefix(rig.base_url.origin)
        administrator = (await browser.post(sign_in)).headers["set-cookie"]
    for cookie, path in ((recipient, f"/message/{held.id}"), (administrator, "/console")):
        name, *attributes = cookie.split("; ")
        assert name.startswith(start)
        expected = {"HttpOnly", "SameSite=strict", f"Path={path}"} | ({"Secure"} if is_secure else set())
        assert set(attributes) == expected
    await rig.database.close()


async def test_a_cookie_is_always_new(rig: Rig, browser: Browser) -> None:
    """What a browser brings is never made a session of (no fixation)."""
    held = await rig.hold()
    browser.http.cookies.set("__Secure-atp-message", "chosen-by-an-attacker", path=f"/message/{held.id}")
    answer = await browser.get(await rig.link_to(held))
    assert "chosen-by-an-attacker" not in answer.headers["set-cookie"]
    async with rig.browser() as attacker:
        attacker.http.cookies.set("__Secure-atp-message", "chosen-by-an-attacker")
        assert (await attacker.get(f"/message/{held.id}")).status_code == 404


@pytest.mark.parametrize("path", ["/m/guess", "/console/sign-in/guess"])
async def test_who_guesses_links_is_told_to_wait(rig: Rig, browser: Browser, path: str) -> None:
    """For a minute; links that are right open meanwhile, since all clients of a proxy look like one."""
    honest = await rig.link_to(await rig.hold())
    for _ in range(MAX_GUESSES):
        assert (await browser.get(path)).status_code == 404
    assert (await browser.get(path)).status_code == 429
    assert (await browser.get(honest)).status_code == 200
    await rig.sign_in(browser)
    rig.time.passes(minutes=1)
    assert (await browser.get(path)).status_code == 404


async def test_a_scanner_that_fetches_a_link_for_ever_fills_no_table(rig: Rig) -> None:
    """The oldest sessions of the message end; the newest always is good."""
    held = await rig.hold()
    for number in range(MAX_SESSIONS_A_MESSAGE + 5):
        rig.time.passes(seconds=1)
        session = Session(rig.realm.id, held.id, START + timedelta(days=1))
        await rig.session_store.begin(digest_of(str(number)), session, rig.time())
    alive = [
        await rig.session_store.session(digest_of(str(number)), rig.time()) is not None
        for number in range(MAX_SESSIONS_A_MESSAGE + 5)
    ]
    assert alive == [False] * 5 + [True] * MAX_SESSIONS_A_MESSAGE


async def test_what_is_over_is_forgotten(rig: Rig, tmp_path: Path) -> None:
    """Links and sessions leave the tables after their time, and only then."""
    for hours in (1, 3):
        until = START + timedelta(hours=hours)
        await rig.link_store.keep_message_link(digest_of(f"m{hours}"), MessageLink(rig.realm.id, "msg_1", until), START)
        await rig.link_store.keep_sign_in_link(digest_of(f"s{hours}"), rig.realm.id, START, until)
        await rig.session_store.begin(digest_of(f"c{hours}"), Session(rig.realm.id, None, until), START)
    now = START + timedelta(hours=2)
    assert await rig.link_store.forget_expired(now) == 2
    assert await rig.session_store.forget_expired(now) == 1
    assert await rig.link_store.message_link(digest_of("m3"), now) is not None
    with sqlite3.connect(tmp_path / "cloud.db") as database:
        for table in ("message_links", "sign_in_links", "portal_sessions"):
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)
    database.close()
