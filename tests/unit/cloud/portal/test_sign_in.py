"""Signing in and out: one link, one session, and no way around either."""

import asyncio

from tests.unit.cloud.portal.rig import Browser, Rig, form_token


async def link(rig: Rig) -> str:
    """A new sign-in link, as a path."""
    return (await rig.console_links.issue(rig.realm.id)).removeprefix(rig.base_url.origin)


async def test_a_link_signs_in_once(rig: Rig, browser: Browser) -> None:
    """The second use finds nothing, in the words for a link that never was."""
    path = await link(rig)
    assert (await browser.post(path)).headers["location"] == "/console"
    assert (await browser.get("/console")).status_code == 200
    async with rig.browser() as thief:
        again, never = await thief.post(path), await thief.post("/console/sign-in/never-issued")
        assert (again.status_code, again.text) == (404, never.text)
        assert (await thief.get("/console")).status_code == 401


async def test_looking_at_a_link_does_not_use_it(rig: Rig, browser: Browser) -> None:
    """Chats and proxies fetch what they see: only the button signs in."""
    path = await link(rig)
    for method in ("GET", "HEAD", "GET"):
        answer = await browser.http.request(method, path)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
    assert (await browser.post(path)).status_code == 303


async def test_a_link_is_good_for_ten_minutes(rig: Rig, browser: Browser) -> None:
    """At the end of the tenth it is over."""
    path = await link(rig)
    rig.time.passes(minutes=10)
    assert (await browser.get(path)).status_code == 404
    assert (await browser.post(path)).status_code == 404


async def test_of_many_who_use_a_link_at_once_one_gets_in(rig: Rig, browser: Browser) -> None:
    """The table decides, not the order of looks."""
    path = await link(rig)
    answers = await asyncio.gather(*(browser.post(path) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [303] + [404] * 9


async def test_signing_in_from_another_site_is_refused(rig: Rig, browser: Browser) -> None:
    """Nobody is signed into somebody else's console; the link stays good."""
    path = await link(rig)
    answer = await browser.post(path, headers={"origin": "https://evil.example", "sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert (await browser.post(path)).status_code == 303


async def test_signing_out_ends_the_session_itself(rig: Rig, browser: Browser) -> None:
    """A copy of the cookie is worthless afterwards."""
    await rig.sign_in(browser)
    copy = dict(browser.http.cookies)
    page = await browser.get("/console")
    answer = await browser.post("/console/sign-out", {"form_token": form_token(page)})
    assert "You are signed out" in answer.text
    assert "Max-Age=0" in answer.headers["set-cookie"]
    browser.http.cookies.update(copy)
    assert (await browser.get("/console")).status_code == 401


async def test_a_session_ends_after_four_hours(rig: Rig, browser: Browser) -> None:
    """Then the page says how to come back."""
    await rig.sign_in(browser)
    rig.time.passes(hours=4)
    answer = await browser.get("/console")
    assert answer.status_code == 401
    assert "srx-cloud console link" in answer.text
