"""The outer wall: who may ask, what every answer carries, and that looking never changes anything."""

import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog
from starlette.routing import Mount, Route

from cloud.errors import OutOfResources
from cloud.portal.boundary import CONTENT_SECURITY_POLICY
from cloud.quarantine.custody import Custody
from cloud.quarantine.lifecycle import State
from tests.unit.cloud.portal.rig import Browser, Rig, form_token

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
ACTS = ("release", "delete", "request", "block-sender")


def paths_of(rig: Rig, message_id: str, token: str) -> Iterator[str]:
    """Every path that the application serves, filled in; acts one by one."""
    for route in rig.app.routes:
        if isinstance(route, Mount):
            yield f"{route.path}/portal.css"
            continue
        assert isinstance(route, Route)
        path = route.path.replace("{message_id}", message_id).replace("{token}", token)
        yield from (path.replace("{act}", act) for act in ACTS) if "{act}" in path else (path,)


async def test_no_request_but_our_own_form_changes_anything(rig: Rig, browser: Browser) -> None:
    """Every route, every method, with both sessions' cookies but no form token: the message stays as it is.

    Signing out is among them, so the console is entered anew for each path.
    """
    held = await rig.hold()
    link = await rig.link_to(held)
    await browser.get(link)
    before = await rig.custody.get(rig.realm.id, held.id)
    for path in [*paths_of(rig, held.id, link.rsplit("/", 1)[1])]:
        await rig.sign_in(browser)
        for method in METHODS:
            headers = {"origin": "null", "sec-fetch-site": "same-origin"}
            answer = await browser.http.request(method, path, headers=headers, params={"form_token": "x"})
            assert answer.status_code < 500, (method, path)
            assert answer.status_code != 303 or "sign-in" in path, (method, path)
        assert (await browser.get("/console")).status_code == 200, path
    assert await rig.custody.get(rig.realm.id, held.id) == before
    assert (rig.dispatched.released, rig.dispatched.noticed, rig.blocked) == ([], [], [])


OURS = "https://quarantine.example.com"
FOREIGN = {
    "another site": {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    "another site that hides its name": {"origin": "null", "sec-fetch-site": "cross-site"},
    "a sandboxed frame": {"origin": "null"},
    "a neighbour under our domain": {"origin": "https://www.example.com", "sec-fetch-site": "same-site"},
    "our host in plain HTTP": {"origin": "http://quarantine.example.com", "sec-fetch-site": "cross-site"},
    "a name that only begins like ours": {"origin": f"{OURS}.evil.example"},
    "a typed address": {"sec-fetch-site": "none"},
    "our origin, but the browser knows better": {"origin": OURS, "sec-fetch-site": "cross-site"},
    "nobody who says": {},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
async def test_a_form_from_elsewhere_is_refused(rig: Rig, browser: Browser, headers: dict[str, str]) -> None:
    """Even with the right token and cookie."""
    held = await rig.hold()
    path = await rig.open(browser, held)
    token = form_token(await browser.get(path))
    answer = await browser.post(f"{path}/delete", {"form_token": token}, headers)
    assert answer.status_code == 403
    assert await rig.state_of(held) is State.HELD


@pytest.mark.parametrize("headers", [{"origin": OURS}, {"origin": OURS, "sec-fetch-site": "same-origin"}])
async def test_our_own_page_may_send(rig: Rig, browser: Browser, headers: dict[str, str]) -> None:
    """Browsers with and without Sec-Fetch-Site."""
    held = await rig.hold()
    path = await rig.open(browser, held)
    token = form_token(await browser.get(path))
    assert (await browser.post(f"{path}/delete", {"form_token": token}, headers)).status_code == 303


@pytest.mark.parametrize("wrong", ["none", "empty", "other session", "other message", "not ASCII"])
async def test_a_form_without_its_sessions_token_is_refused(rig: Rig, browser: Browser, wrong: str) -> None:
    """A token is good for the session that it was shown to, and for nothing else."""
    held, neighbour = await rig.hold(), await rig.hold()
    path = await rig.open(browser, held)
    async with rig.browser() as other:
        tokens = {
            "empty": "",
            "other session": form_token(await other.get(await rig.open(other, held))),
            "other message": form_token(await other.get(await rig.open(other, neighbour))),
            "not ASCII": "ü\udc80".encode("utf-8", "surrogatepass").decode("latin-1"),
        }
    fields = {"form_token": tokens[wrong]} if wrong in tokens else {"act": "delete"}
    assert (await browser.post(f"{path}/delete", fields)).status_code == 403
    assert await rig.state_of(held) is State.HELD


async def test_nobody_reaches_what_is_anothers(rig: Rig) -> None:
    """Each session against each page and act of each other's message: nothing is there, and nothing changes."""
    other_realm = await rig.realms.create("other", rig.time())
    mine, neighbours, foreign = await rig.hold(), await rig.hold(), await rig.hold(realm=other_realm)
    async with rig.browser() as recipient, rig.browser() as administrator:
        own_page = await rig.open(recipient, mine)
        cookie = recipient.http.cookies["__Secure-atp-message"]
        await rig.sign_in(administrator)
        admin_cookie = administrator.http.cookies["__Secure-atp-console"]
        recipient_token = form_token(await recipient.get(own_page))
        admin_token = form_token(await administrator.get("/console"))
        recipient.http.cookies.clear()
        administrator.http.cookies.clear()
        stolen = {"cookie": f"__Secure-atp-message={cookie}; __Secure-atp-console={cookie}"}
        as_admin = {"cookie": f"__Secure-atp-message={admin_cookie}; __Secure-atp-console={admin_cookie}"}
        for who, token, targets in (
            (stolen, recipient_token, [f"/message/{each.id}" for each in (neighbours, foreign)]),
            (stolen, recipient_token, [f"/console/messages/{each.id}" for each in (mine, neighbours, foreign)]),
            (as_admin, admin_token, [f"/message/{each.id}" for each in (mine, neighbours, foreign)]),
            (as_admin, admin_token, [f"/console/messages/{foreign.id}"]),
        ):
            for target in targets:
                assert (await recipient.http.get(target, headers=who)).status_code in (401, 404), target
                for act in ACTS:
                    headers = who | {"origin": "null", "sec-fetch-site": "same-origin"}
                    answer = await recipient.http.post(f"{target}/{act}", data={"form_token": token}, headers=headers)
                    assert answer.status_code in (401, 404), (target, act)
        assert (await recipient.http.get("/console", headers=stolen)).status_code == 401
        listed = (await recipient.http.get("/console", headers=as_admin)).text
    assert mine.id in listed
    assert foreign.id not in listed
    assert [await rig.state_of(each) for each in (mine, neighbours, foreign)] == [State.HELD] * 3
    assert rig.blocked == []


async def test_every_answer_carries_the_headers(rig: Rig, browser: Browser) -> None:
    """Pages, errors, redirects and wrong methods alike; private ones are kept nowhere."""
    held = await rig.hold()
    path = await rig.open(browser, held)
    await rig.sign_in(browser)
    redirect = await browser.press(path, "delete")
    answers = [redirect, await browser.http.put("/console")]
    answers += [
        await browser.get(each) for each in ("/", path, "/console", "/m/never", "/nowhere", await rig.link_to(held))
    ]
    answers.append(await browser.http.get("/", headers={"host": "evil.example"}))
    for answer in answers:
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert "strict-transport-security" in answer.headers
    sheet = await browser.get("/static/portal.css")
    assert sheet.headers["cache-control"].startswith("public")
    assert sheet.headers["content-type"].startswith("text/css")


def test_the_policy_allows_no_script() -> None:
    """default-src 'none' covers scripts, frames from elsewhere, fonts, connections: nothing opens them again."""
    sources = dict(each.strip().partition(" ")[::2] for each in CONTENT_SECURITY_POLICY.split(";"))
    assert sources["default-src"] == "'none'"
    assert sources["frame-ancestors"] == "'none'"
    assert sources["base-uri"] == "'none'"
    assert not {"script-src", "connect-src", "frame-src", "object-src", "font-src"} & sources.keys()
    assert "unsafe" not in CONTENT_SECURITY_POLICY


@pytest.mark.parametrize(
    "host", ["evil.example", "quarantine.example.com.evil.example", "quarantine.example.com:8443", "", "127.0.0.1"]
)
async def test_another_host_is_not_served(rig: Rig, browser: Browser, host: str) -> None:
    """Nor does its name appear in the answer."""
    answer = await browser.http.get("/", headers={"host": host})
    assert answer.status_code == 421
    assert host == "" or host not in answer.text


async def test_an_error_under_another_name_looks_like_a_page(browser: Browser) -> None:
    """The style sheet is served under any name, and leads nowhere else."""
    sheet = await browser.http.get("/static/portal.css", headers={"host": "evil.example"})
    assert (sheet.status_code, sheet.headers["content-type"]) == (200, "text/css; charset=utf-8")
    for path in ("/static/../console", "/static/%2e%2e/console"):
        request = httpx.Request("GET", f"{OURS}{path}", headers={"host": "evil.example"})
        assert (await browser.http.send(request)).status_code in (404, 421)


async def test_this_machines_other_names_lead_to_its_own(tmp_path: Path) -> None:
    """A person is led to the name in the settings, with path and query; a form, and another port, are not."""
    rig = await Rig.build(tmp_path, "http://127.0.0.1:8025")
    async with rig.browser() as browser:
        for host in ("localhost:8025", "LOCALHOST:8025", "[::1]:8025"):
            answer = await browser.http.get("/console?state=held&x=%0d%0ay", headers={"host": host})
            assert answer.status_code == 307
            assert answer.headers["location"] == "http://127.0.0.1:8025/console?state=held&x=%0d%0ay"
            assert answer.headers["cache-control"] == "no-store"
            assert (await browser.http.post("/console", headers={"host": host})).status_code == 421
        odd = await browser.http.send(
            httpx.Request("GET", "http://127.0.0.1:8025//evil.example/%0d%0a", headers={"host": "localhost:8025"})
        )
        assert odd.headers["location"] == "http://127.0.0.1:8025//evil.example/%0D%0A"
        for host in ("localhost", "localhost:80", "localhost:8026", "localhost.evil.example:8025", "127.0.0.2:8025"):
            assert (await browser.http.get("/", headers={"host": host})).status_code == 421
    await rig.database.close()


async def test_our_host_may_be_written_otherwise(browser: Browser) -> None:
    """With its default port, and in capitals."""
    for host in ("quarantine.example.com:443", "Quarantine.Example.COM"):
        assert (await browser.http.get("/", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"form_token=" + b"x" * 9000, "application/x-www-form-urlencoded", 413),
        (b"&".join([b"a=b"] * 50), "application/x-www-form-urlencoded", 400),
        (b"form_token=%ff\xff", "application/x-www-form-urlencoded", 400),
        (b'{"form_token": "x"}', "application/json", 400),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 400),
        (b"form_token=x", "text/plain", 400),
    ],
)
async def test_bodies_that_are_no_form_of_ours(
    rig: Rig, browser: Browser, body: bytes, content_type: str, status: int
) -> None:
    """Too large, too many, not text, another type: each has its answer."""
    path = await rig.open(browser, await rig.hold())
    headers = {"origin": "null", "sec-fetch-site": "same-origin", "content-type": content_type}
    answer = await browser.http.post(f"{path}/delete", content=body, headers=headers)
    assert answer.status_code == status


async def test_what_nobody_foresaw_becomes_a_page_with_an_id(
    rig: Rig, browser: Browser, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, no text of the error, in neither the page nor the log; the id stands in both."""

    async def breaks(_custody: Custody, _realm_id: str, _message_id: str) -> None:
        raise RuntimeError("SECRET-SUBJECT")

    path = await rig.open(browser, await rig.hold())
    monkeypatch.setattr(Custody, "open", breaks)
    with structlog.testing.capture_logs() as lines:
        answer = await browser.get(path)
    assert answer.status_code == 500
    assert "SECRET-SUBJECT" not in answer.text + str(lines) + capsys.readouterr().err
    assert "Traceback" not in answer.text
    failed = next(line for line in lines if line["event"] == "portal.failed")
    assert failed["incident"] in answer.text
    assert failed["path"] == "/message/{message_id}"


async def test_an_error_of_ours_says_what_to_do(rig: Rig, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sentence and its next step, under its status."""

    async def full(_custody: Custody, _realm_id: str, _message_id: str) -> None:
        raise OutOfResources("the disk is full", next_step="Make room.")

    path = await rig.open(browser, await rig.hold())
    monkeypatch.setattr(Custody, "open", full)
    answer = await browser.get(path)
    assert answer.status_code == 503
    assert "the disk is full" in answer.text
    assert "Make room." in answer.text


async def test_no_log_line_holds_a_token(rig: Rig, browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    """Neither ours nor the framework's, whatever is opened, refused or wrong."""
    caplog.set_level(logging.DEBUG)
    held = await rig.hold()
    link = await rig.link_to(held)
    with structlog.testing.capture_logs() as lines:
        path = await rig.open(browser, held)
        await browser.get(link)
        await browser.press(path, "delete")
        await rig.sign_in(browser)
        await browser.get("/m/SOME-WRONG-TOKEN")
    ours = str(lines)
    assert "portal.link_opened" in ours
    secrets = [link.rsplit("/", 1)[1], "SOME-WRONG-TOKEN", *browser.http.cookies.values()]
    assert not any(secret in ours for secret in secrets)
    # httpx, the test's own client, logs what it asks for.
    theirs = "".join(record.getMessage() for record in caplog.records if not record.name.startswith("http"))
    assert not any(secret in theirs for secret in secrets)


async def test_a_websocket_is_closed_unopened(rig: Rig) -> None:
    """There is none here, from whatever origin."""
    sent: list[object] = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: object) -> None:
        sent.append(message)

    await rig.app({"type": "websocket", "path": "/console", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_static_files_do_not_lead_out(browser: Browser, tmp_path: Path) -> None:
    """Dots and encoded slashes stay inside of the folder."""
    for path in ("/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/", "/static"):
        answer = await browser.http.send(httpx.Request("GET", f"{OURS}{path}"))
        assert answer.status_code in (404, 405), path
