"""A recipient follows the link, looks, decides; and what one decides counts for all."""

from pathlib import Path

import pytest

from cloud.quarantine.lifecycle import Act, Actor, ActorKind, State
from cloud.release.progress import Release
from cloud.storage.releases import ReleaseStore
from tests.unit.cloud.portal.letters import Piece, invoice, letter
from tests.unit.cloud.portal.rig import Browser, Rig, action, buttons, form_token


async def test_a_link_leads_to_the_message_and_its_preview(rig: Rig, browser: Browser) -> None:
    """Who, what, when, the words and the attachments' names are shown; nothing of an attachment's content is."""
    held = await rig.hold(letter(Piece(b"Please find the invoice."), invoice()))
    entry = await browser.get(await rig.link_to(held))
    assert f'content="0; url=/message/{held.id}"' in entry.text
    page = await browser.get(f"/message/{held.id}")
    assert page.status_code == 200
    for shown in (
        "Bob &lt;bob@example.net&gt;",
        "Invoice 42",
        "Please find the invoice.",
        "invoice.exe",
        "25 Nov 2025",
    ):
        assert shown in page.text
    assert "SECRET-BYTES" not in page.text
    assert buttons(page) == ["Release", "Yes, delete it"]


async def test_releasing_sends_and_says_so(rig: Rig, browser: Browser) -> None:
    """Release moves the message on once, hands it to the dispatch, and the page tells the person what happens."""
    held = await rig.hold()
    path = await rig.open(browser, held)
    answer = await browser.press(path, "release")
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    page = await browser.get(path)
    assert "on its way" in page.text
    assert "One recipient's action counts for all" in page.text
    assert buttons(page) == []
    await rig.custody.finish_sending(held.id, taken=True)
    assert "The message was released" in (await browser.get(path)).text
    assert rig.dispatched.released == [held.id]


async def test_a_release_that_waits_says_so_without_saying_why(rig: Rig, browser: Browser) -> None:
    """Why is for the administrator; once it goes on, the page says that again."""
    held = await rig.hold()
    path = await rig.open(browser, held)
    await browser.press(path, "release")
    releases = ReleaseStore(rig.database)
    await releases.begin(Release("act_1", rig.realm.id, held.id, rig.time()))
    await releases.note_problem("act_1", "no release route is set")
    page = (await browser.get(path)).text
    assert "released, and waits" in page
    assert "Your administrator can see why" in page
    assert "on its way" not in page
    assert "route" not in page
    await releases.note_problem("act_1", "")
    assert "on its way" in (await browser.get(path)).text


async def test_deleting_destroys_and_says_so(rig: Rig, browser: Browser) -> None:
    """After Delete nothing of the message is shown any more."""
    held = await rig.hold()
    path = await rig.open(browser, held)
    await browser.press(path, "delete")
    page = await browser.get(path)
    assert await rig.state_of(held) is State.DELETED
    assert "The message was deleted" in page.text
    assert "Invoice 42" not in page.text
    assert buttons(page) == []


async def test_a_press_that_is_repeated_acts_once(rig: Rig, browser: Browser) -> None:
    """A double click and a reload change nothing more."""
    held = await rig.hold()
    path = await rig.open(browser, held)
    token = form_token(await browser.get(path))
    for _ in range(3):
        assert (await browser.post(f"{path}/release", {"form_token": token})).status_code == 303
    assert rig.dispatched.released == [held.id]


async def test_the_first_action_wins(rig: Rig, browser: Browser) -> None:
    """Whoever comes second is told that something else was decided, and sees what."""
    held = await rig.hold()
    path = await rig.open(browser, held)
    token = form_token(await browser.get(path))
    async with rig.browser() as other:
        await other.press(await rig.open(other, held), "delete")
    answer = await browser.post(f"{path}/release", {"form_token": token})
    assert answer.status_code == 409
    assert "came too late" in answer.text
    assert "The message was deleted" in answer.text
    assert rig.dispatched.released == []


async def test_where_the_administrator_releases_a_recipient_asks(rig: Rig, browser: Browser) -> None:
    """In request mode there are Request release and Delete, a request is told as such, and Release is refused."""
    await rig.change(release_option="administrator")
    held = await rig.hold()
    path = await rig.open(browser, held)
    page = await browser.get(path)
    assert buttons(page) == ["Request release", "Yes, delete it"]
    refused = await browser.post(f"{path}/release", {"form_token": form_token(page)})
    assert refused.status_code == 403
    assert (await browser.press(path, "request")).status_code == 303
    page = await browser.get(path)
    assert "The administrator was asked" in page.text
    assert "The administrator releases the message or deletes it" in page.text
    assert buttons(page) == ["Yes, delete it"]
    assert rig.dispatched.released == []


async def test_a_message_that_no_server_took_can_be_released_again(rig: Rig, browser: Browser) -> None:
    """Held again, the buttons are back, and the page says why."""
    held = await rig.hold()
    path = await rig.open(browser, held)
    await browser.press(path, "release")
    await rig.custody.finish_sending(held.id, taken=False)
    page = await browser.get(path)
    assert "no mail server took it" in page.text
    assert buttons(page) == ["Release", "Yes, delete it"]


async def test_an_expired_message_says_so(rig: Rig, browser: Browser) -> None:
    """The session may outlast the message's content."""
    held = await rig.hold()
    path = await rig.open(browser, held)
    await rig.custody.expire(held.expires_at)
    assert "The message has expired" in (await browser.get(path)).text


async def test_several_links_of_one_message_are_valid_at_once(rig: Rig, browser: Browser) -> None:
    """Each replacement has its own link, and a newer one ends none."""
    held = await rig.hold()
    for path in [await rig.link_to(held), await rig.link_to(held)]:
        assert (await browser.get(path)).status_code == 200
        assert (await browser.get(path)).status_code == 200


async def test_two_messages_are_open_side_by_side(rig: Rig, browser: Browser) -> None:
    """Cookies are scoped to their message: the second link does not close the first page."""
    first, second = await rig.hold(), await rig.hold()
    paths = [await rig.open(browser, first), await rig.open(browser, second)]
    assert [(await browser.get(path)).status_code for path in paths] == [200, 200]
    await browser.press(paths[0], "delete")
    assert (await rig.state_of(first), await rig.state_of(second)) == (State.DELETED, State.HELD)


@pytest.mark.parametrize("decided", [True, False])
async def test_the_password_is_shown_where_the_realm_wants_it_here(tmp_path: Path, decided: bool) -> None:
    """On the page of a released message alone, and only under that option."""
    rig = await Rig.build(tmp_path, password="correct-horse")
    held = await rig.hold()
    async with rig.browser() as browser:
        path = await rig.open(browser, held)
        await rig.custody.act(rig.realm.id, held.id, Act.RELEASE, Actor(ActorKind.RECIPIENT))
        await rig.custody.finish_sending(held.id, taken=decided)
        assert "correct-horse" not in (await browser.get(path)).text
        await rig.change(password_on_portal=True)
        assert ("correct-horse" in (await browser.get(path)).text) is decided
    await rig.database.close()


@pytest.mark.parametrize(
    ("url", "is_shown"),
    [
        ("https://example.com/help", True),
        ("", False),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//example.com", False),
        ("https://[", False),
    ],
)
async def test_learn_more_is_a_web_address_or_nothing(rig: Rig, browser: Browser, url: str, is_shown: bool) -> None:
    """A setting can't put a script under the link."""
    await rig.change(learn_more_url=url)
    page = await browser.get(await rig.open(browser, await rig.hold()))
    assert ("Learn more" in page.text) is is_shown
    assert (f'href="{url}" rel="external noopener noreferrer"' in page.text) is is_shown


async def test_who_acts_is_known_where_there_is_one_recipient(rig: Rig, browser: Browser) -> None:
    """All recipients hold the same link; with several the record names none of them."""
    one = await rig.hold()
    two = await rig.hold(letter(invoice(), recipients=(b"alice@example.com", b"carol@example.com")))
    for held in (one, two):
        await browser.press(await rig.open(browser, held), "delete")
    assert (await rig.custody.get(rig.realm.id, one.id)).acted_by == "recipient:alice@example.com"
    assert (await rig.custody.get(rig.realm.id, two.id)).acted_by == "recipient"


async def test_a_page_under_a_prefix_leads_to_itself(tmp_path: Path) -> None:
    """Behind a proxy's path every link, form, cookie and style sheet stays under that path."""
    rig = await Rig.build(tmp_path, "https://example.com/quarantine")
    held = await rig.hold()
    async with rig.browser() as browser:
        path = await rig.open(browser, held)
        page = await browser.get(path)
        assert action(page, "release").startswith("/quarantine/message/")
        assert (await browser.get("/quarantine/static/portal.css")).status_code == 200
        assert (await browser.press(path, "delete")).headers["location"] == path
    await rig.database.close()
