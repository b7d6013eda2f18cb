"""The console: what is held, who waits, and the administrator's decision."""

import pytest

from atp.v1 import quarantine_pb2 as wire
from cloud.portal import administrator
from cloud.quarantine.lifecycle import Act, Actor, ActorKind, State
from cloud.release.progress import Release
from cloud.storage.releases import ReleaseStore
from tests.unit.cloud.portal.letters import Piece, invoice, letter
from tests.unit.cloud.portal.rig import Browser, Rig, buttons, form_token

RECIPIENT = Actor(ActorKind.RECIPIENT, "alice@example.com")


@pytest.fixture
async def console(rig: Rig, browser: Browser) -> Browser:
    await rig.sign_in(browser)
    return browser


async def test_the_list_has_the_vendors_columns(rig: Rig, console: Browser) -> None:
    """Recipient, Sender, Subject (Read This), Date, Malicious attachment, Size, Threat score, Action."""
    held = await rig.hold()
    page = (await console.get("/console")).text
    for column in (
        "Recipient",
        "Sender",
        "Subject",
        "Date",
        "Malicious attachment",
        "Size (KB)",
        "Threat score",
        "Action",
    ):
        assert f">{column}</th>" in page
    assert f'<a href="/console/messages/{held.id}">Read This</a>' in page
    for value in (
        "alice@example.com",
        "bob@example.net",
        "Invoice 42",
        "invoice.exe",
        ">Nov 25, 08:00</time>",
        'title="25 November 2025, 08:00 UTC"',
        "Times are UTC",
        "Held",
        "none yet",
    ):
        assert value in page


async def test_requests_stand_on_top(rig: Rig, console: Browser) -> None:
    """Somebody waits for those, however old they are."""
    await rig.change(release_option="administrator")
    asked = await rig.hold()
    rig.time.passes(hours=1)
    newer = await rig.hold()
    page = (await console.get("/console")).text
    assert page.index(newer.id) < page.index(asked.id)
    await rig.custody.act(rig.realm.id, asked.id, Act.REQUEST, RECIPIENT)
    page = (await console.get("/console")).text
    assert page.index(asked.id) < page.index(newer.id)


async def test_the_counts_and_the_filter(rig: Rig, console: Browser) -> None:
    """Each state is counted, and can be shown alone."""
    held, deleted = await rig.hold(), await rig.hold()
    await rig.custody.act(rig.realm.id, deleted.id, Act.DELETE, RECIPIENT)
    everything = (await console.get("/console")).text
    assert "<strong>2</strong> All" in everything
    assert "<strong>1</strong> Held" in everything
    assert "<strong>1</strong> Deleted" in everything
    assert "deleted · <bdi>alice@example.com</bdi> · <time" in everything
    assert ">Nov 25</time>" in everything
    alone = (await console.get("/console?state=deleted")).text
    assert deleted.id in alone
    assert held.id not in alone
    assert (await console.get("/console?state=eaten")).status_code == 400


async def test_the_list_turns_pages(rig: Rig, console: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full page leads to the older ones; a page that is no number is the first."""
    monkeypatch.setattr(administrator, "ROWS_A_PAGE", 2)
    messages = []
    for _ in range(3):
        messages.append(await rig.hold())
        rig.time.passes(minutes=1)
    first = (await console.get("/console?page=x")).text
    assert messages[0].id not in first
    assert 'rel="next"' in first
    assert messages[0].id in (await console.get("/console?page=2")).text


@pytest.mark.parametrize(("act", "state"), [("release", State.SENDING), ("delete", State.DELETED)])
async def test_the_administrator_decides(rig: Rig, console: Browser, act: str, state: State) -> None:
    """Release and delete, whatever the release option is; the record says who."""
    await rig.change(release_option="administrator")
    held = await rig.hold()
    path = f"/console/messages/{held.id}"
    assert buttons(await console.get(path)) == ["Sign out", "Release", "Yes, delete it", "Block the sender"]
    assert (await console.press(path, act)).headers["location"] == path
    after = await rig.custody.get(rig.realm.id, held.id)
    assert (after.state, after.acted_by) == (state, "administrator:console")
    assert "administrator (console)" in (await console.get(path)).text


async def test_an_administrator_who_comes_second_is_told(rig: Rig, console: Browser) -> None:
    """The recipient deleted it meanwhile."""
    held = await rig.hold()
    path = f"/console/messages/{held.id}"
    token = form_token(await console.get(path))
    await rig.custody.act(rig.realm.id, held.id, Act.DELETE, RECIPIENT)
    answer = await console.post(f"{path}/release", {"form_token": token})
    assert answer.status_code == 409
    assert "came too late" in answer.text


async def test_a_release_that_does_not_go_on_says_why(rig: Rig, console: Browser) -> None:
    """No route, or a mail server that puts it off: the administrator sees it with the message."""
    held = await rig.hold()
    releases = ReleaseStore(rig.database)
    await releases.begin(Release("act_1", rig.realm.id, held.id, rig.time()))
    await releases.address("act_1", [b"b@example.net"], rig.time())
    await releases.note_problem("act_1", "no release route is set")
    page = (await console.get(f"/console/messages/{held.id}")).text
    assert "The release waits: no release route is set" in page
    assert "b@example.net" in page
    assert "no word yet" in page


async def test_the_message_page_shows_envelope_and_preview(rig: Rig, console: Browser) -> None:
    """Both sides of the envelope, the client, and what the recipient sees."""
    held = await rig.hold(
        letter(Piece(b"Hello there"), invoice(), recipients=(b"a@example.com", b"hidden@example.com"))
    )
    page = (await console.get(f"/console/messages/{held.id}")).text
    for value in ("hidden@example.com", "192.0.2.7", "Hello there", "invoice.exe"):
        assert value in page
    assert "SECRET-BYTES" not in page


async def test_the_sender_can_be_blocked(rig: Rig, console: Browser) -> None:
    """The envelope sender goes on this realm's blocklist."""
    held = await rig.hold()
    answer = await console.press(f"/console/messages/{held.id}", "block-sender")
    assert rig.blocked == [(rig.realm.id, "bob@example.net")]
    page = await console.get(answer.headers["location"])
    assert "The sender is on the blocklist now" in page.text
    assert "Block the sender" not in buttons(page)


async def test_of_a_message_that_is_gone_nobody_is_blocked(rig: Rig, console: Browser) -> None:
    """There is nothing left to judge the sender by."""
    held = await rig.hold()
    await rig.custody.act(rig.realm.id, held.id, Act.DELETE, RECIPIENT)
    assert buttons(await console.get(f"/console/messages/{held.id}")) == ["Sign out"]


async def test_delete_asks_first(rig: Rig, console: Browser) -> None:
    """The button that destroys stands under a question that has to be opened, without a script."""
    held = await rig.hold()
    page = (await console.get(f"/console/messages/{held.id}")).text
    question = page.partition('<details class="question">')[2].partition("</details>")[0]
    assert '<summary class="button danger">Delete</summary>' in question
    assert "can't be brought back" in question
    assert page.count(f"/console/messages/{held.id}/delete") == question.count("/delete") == 1


@pytest.mark.parametrize("act", ["", "/delete", "/block-sender"])
async def test_a_message_that_there_is_not_leads_back_to_the_list(console: Browser, act: str) -> None:
    """In the console's words, not in those of the command line."""
    token = form_token(await console.get("/console"))
    path = f"/console/messages/msg_unknown{act}"
    answer = await (console.post(path, {"form_token": token}) if act else console.get(path))
    assert answer.status_code == 404
    assert "There is no such message in this quarantine." in answer.text
    assert "srx-cloud" not in answer.text
    assert 'href="/console">Back to the list</a>' in answer.text


async def test_the_null_sender_can_not_be_blocked(rig: Rig, console: Browser) -> None:
    """All bounces have it: there is no button, and a forged press is refused."""
    held = await rig.hold(letter(invoice(), mail_from=b""))
    page = await console.get(f"/console/messages/{held.id}")
    assert "Block the sender" not in buttons(page)
    answer = await console.post(f"/console/messages/{held.id}/block-sender", {"form_token": form_token(page)})
    assert (answer.status_code, rig.blocked) == (400, [])


async def test_a_blocklisted_message_says_why_it_is_held(rig: Rig, console: Browser) -> None:
    """It may have no attachment at all."""
    held = await rig.hold(letter(Piece(b"Hello"), score=10, reason=wire.HOLD_REASON_BLOCKLISTED))
    assert ">blocklisted<" in (await console.get("/console")).text
    async with rig.browser() as recipient:
        assert "blocklist" in (await recipient.get(await rig.open(recipient, held))).text


async def test_an_empty_console_says_so(console: Browser) -> None:
    """No empty table."""
    page = (await console.get("/console")).text
    assert "No message is quarantined" in page
    assert "<table" not in page
