"""The emulated text, sentence by sentence, on a running site; docs/overview.md says which test proves which."""

import io
from datetime import UTC, datetime
from hashlib import sha256

import pytest
import pyzipper

from cloud.quarantine.lifecycle import State
from lab.demo.visitor import NoSuchButton, Visitor, attachments_of, link_in, parsed, text_of
from lab.site import ADMINISTRATOR, NOTICES, Site
from lab.traffic.samples.documents import macro_document
from lab.traffic.samples.programs import eicar, scored
from lab.traffic.samples.sample import Expected, Sample
from tests.people import Administrator, Device, Mail, People, later_than, mail

pytestmark = pytest.mark.asyncio(loop_scope="session")


def fresh(words: str) -> Sample:
    """A clean file that nobody has seen before."""
    return Sample("note", "note.txt", "text/plain", f"{words} {datetime.now(UTC)}\n".encode(), Expected.CLEAN)


async def test_a_file_has_a_score_from_0_to_10_and_it_decides(people: People, administrator: Administrator) -> None:
    """Below the threshold, 7, the very bytes go on, and the score is told to the cloud with the event."""
    started = datetime.now(UTC)
    for score in range(7):
        sent = mail(f"score-{score}@example.net", scored(score), sender=f"score-{score}@example.com")
        assert await people.deliver(sent) == sent.content
    for score in range(7):
        fits = later_than(started, "mail.delivered", mail_from=f"score-{score}@example.com", score=str(score))
        assert (await administrator.event(fits)).fields["reason"] == "under-threshold"


@pytest.mark.parametrize("score", range(7, 11))
async def test_a_score_that_meets_the_threshold_is_shown(
    people: People, administrator: Administrator, score: int
) -> None:
    """In the replacement, for the mail and for the file, and on the portal."""
    sent = mail(f"score-{score}@example.net", scored(score), sender=f"score-{score}@example.com")
    seen = await people.deliver(sent)
    assert f"threat score of the message is {score} of 10" in text_of(seen)
    assert f"score-{score}.txt ({len(scored(score).content)} bytes, threat score {score})" in text_of(seen)
    async with Visitor() as visitor:
        assert (await visitor.follow(link_in(seen))).says(f"{score} of 10")
    assert [part.score for part in (await administrator.shown(sent)).parts] == [score]


async def test_the_highest_score_of_several_files_is_the_mails(people: People, administrator: Administrator) -> None:
    sent = mail("several-files@example.net", scored(1), scored(8), scored(3), sender="several-files@example.com")
    assert "threat score of the message is 8 of 10" in text_of(await people.deliver(sent))
    assert sorted(part.score for part in (await administrator.shown(sent)).parts) == [1, 3, 8]


async def test_attachments_are_submitted_and_nobody_sees_it(people: People, device: Device) -> None:
    """A new file is uploaded, once; the mail that carries it arrives byte for byte as it was sent."""
    before = await device.counters()
    file = fresh("A file to submit.")
    for recipient in ("submitted-1@example.net", "submitted-2@example.net"):
        sent = mail(recipient, file)
        assert await people.deliver(sent) == sent.content
    after = await device.counters()
    assert after["file-submission-success"] - before["file-submission-success"] == 1
    assert after["file-submission-not-needed"] - before["file-submission-not-needed"] == 1


async def test_without_attachment_nothing_is_analysed(people: People, device: Device) -> None:
    """Such a mail passes as it is, and nothing is asked or submitted."""
    names = ("email-scanned", "file-submission-success", "file-submission-failure", "file-submission-not-needed")
    before = await device.counters()
    sent = mail("plain@example.net", text="SRXLAB-SCORE: 10\r\n")
    assert await people.deliver(sent) == sent.content
    await device.counted("email-permitted", before["email-permitted"] + 1)
    after = await device.counters()
    assert [after[name] - before[name] for name in names] == [0, 0, 0, 0]


async def test_a_malicious_mail_is_stored_and_replaced(people: People, administrator: Administrator) -> None:
    """The replacement goes to the recipient, from the realm's address, tells of the mail, and holds none of its files."""
    sent = mail("replaced@example.net", macro_document(), sender="replaced@example.com", subject="Your invoice")
    seen = await people.deliver(sent)
    held = await administrator.held(sent)
    assert (held.status, held.reason, held.size) == (State.HELD, "malicious", len(sent.content))
    assert NOTICES in str(parsed(seen)["From"])
    assert parsed(seen)["Message-ID"] != parsed(sent.content)["Message-ID"]
    assert attachments_of(seen) == {}
    for words in ("was quarantined", "Your invoice", "replaced@example.com", "invoice.docm"):
        assert words in text_of(seen)
    assert link_in(seen).startswith("http://127.0.0.1:")


async def test_the_link_leads_to_a_preview(people: People) -> None:
    """Who, what, words and attachments with scores are shown; looking changes nothing."""
    link = await people.quarantined(mail("preview@example.net", macro_document(), text="Words to preview.\r\n"))
    async with Visitor() as visitor:
        page = await visitor.follow(link)
        for words in ("anna@example.com", "preview@example.net", "A mail", "Words to preview.", "invoice.docm"):
            assert page.says(words)
        assert {form.action.rpartition("/")[2] for form in page.forms} == {"release", "delete"}
        assert (await visitor.reload()).says("A message to you is quarantined")


async def test_the_recipient_releases(people: People, device: Device, administrator: Administrator) -> None:
    """The mail comes again through the device with a pass, its files in an encrypted ZIP, the password beside it.

    The administrator is told.
    """
    before = await device.counters()
    file = macro_document()
    sent = mail("releases@example.net", file, sender="releases@example.com", text="Released words.\r\n")
    link = await people.quarantined(sent)
    async with Visitor() as visitor:
        await visitor.press(await visitor.follow(link), "release")
        released = (await people.arrived("releases@example.net", 2))[1]
        await administrator.until_stands(sent, State.RELEASED)
        assert (await visitor.reload()).says("The message was released")
    assert "Released words." in text_of(released)
    assert parsed(released)["From"] == "releases@example.com"
    assert opened(released) == {file.name: sha256(file.content).hexdigest()}
    assert (await device.counters())["pass-redeemed"] > before["pass-redeemed"]
    notice = text_of(await people.told(ADMINISTRATOR, "releases@example.net"))
    assert "releases@example.net released a quarantined e-mail." in notice


def opened(released: bytes) -> dict[str, str]:
    """What is in a released mail's ZIP, by the password attached beside it: names and digests."""
    files = attachments_of(released)
    assert list(files) == ["attachments.zip", "attachments-password.txt"]
    with pyzipper.AESZipFile(io.BytesIO(files["attachments.zip"])) as archive:
        archive.setpassword(files["attachments-password.txt"].splitlines()[0])
        return {name: sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


async def test_the_recipient_deletes(people: People, administrator: Administrator) -> None:
    """The content is destroyed, nothing else arrives, the administrator is told."""
    sent = mail("deletes@example.net", eicar(), sender="deletes@example.com")
    link = await people.quarantined(sent)
    async with Visitor() as visitor:
        page = await visitor.press(await visitor.follow(link), "delete")
        assert page.says("The message was deleted")
        assert not page.forms
    notice = text_of(await people.told(ADMINISTRATOR, "deletes@example.net"))
    assert "deletes@example.net deleted a quarantined e-mail." in notice
    assert not (await administrator.shown(sent)).content_kept
    assert len(await people.arrived("deletes@example.net", 1)) == 1


@pytest.mark.parametrize("decision", ["release", "delete"])
async def test_the_recipient_asks_and_the_administrator_decides(
    people: People, administrator: Administrator, site: Site, decision: str
) -> None:
    """In request mode the recipient may ask or delete; the administrator is asked, decides, and the recipient is told."""
    await administrator.set(release_option="administrator")
    recipient = f"asks-to-{decision}@example.net"
    sent = mail(recipient, scored(9), sender=f"asks-to-{decision}@example.com")
    link = await people.quarantined(sent)
    async with Visitor() as visitor:
        page = await visitor.follow(link)
        assert {form.action.rpartition("/")[2] for form in page.forms} == {"request", "delete"}
        with pytest.raises(NoSuchButton):
            await visitor.press(page, "release")
        page = await visitor.press(page, "request")
        assert page.says("The administrator was asked to release the message")
    asked = text_of(await people.told(ADMINISTRATOR, recipient))
    assert f"{recipient} asks you to release a quarantined e-mail." in asked
    await decide_on_the_console(site, sent, (await administrator.held(sent)).id, decision)
    outcome = {"release": "released", "delete": "deleted"}[decision]
    told = text_of(await people.told(recipient, "The administrator "))
    assert f"The administrator {outcome} an e-mail to you" in told
    await administrator.until_stands(sent, State(outcome))
    assert len(await people.arrived(recipient, 2 if decision == "delete" else 3)) == (3 if decision == "release" else 2)


async def decide_on_the_console(site: Site, sent: Mail, message_id: str, decision: str) -> None:
    """As the administrator: the printed link, the list, the message, the button."""
    link = (await site.ask("srx-cloud", "console", "link", "--json"))["url"]
    async with Visitor() as visitor:
        front = await visitor.sign_in(link)
        assert front.says(sent.recipients[0])
        page = await visitor.visit(next(each for each in front.links if each.endswith(message_id)))
        await visitor.press(page, decision)


async def test_in_request_mode_the_recipient_still_deletes(people: People, administrator: Administrator) -> None:
    await administrator.set(release_option="administrator")
    sent = mail("deletes-unasked@example.net", scored(9), sender="deletes-unasked@example.com")
    link = await people.quarantined(sent)
    async with Visitor() as visitor:
        page = await visitor.press(await visitor.follow(link), "delete")
        assert page.says("The message was deleted")
    assert (await administrator.held(sent)).status is State.DELETED


async def test_a_malicious_mail_is_delivered_with_warning_headers(
    people: People, administrator: Administrator, device: Device
) -> None:
    """Two headers that mail servers file as junk by, and the subject's prefix; every other byte is the sender's."""
    await administrator.set(action="tag-and-deliver")
    before = await device.counters()
    sent = mail("tagged@example.net", macro_document(), subject="An offer")
    seen = await people.deliver(sent)
    added = b"X-Spam-Flag: YES\r\nX-Distribution: Spam\r\n"
    assert seen == added + sent.content.replace(b"Subject: An offer", b"Subject: [Possible spam] An offer")
    await device.counted("email-tag-and-delivered", before["email-tag-and-delivered"] + 1)


async def test_a_malicious_mail_is_permitted(people: People, administrator: Administrator) -> None:
    """The recipient receives it intact; that it was malicious is told to the cloud."""
    await administrator.set(action="permit")
    started = datetime.now(UTC)
    sent = mail("permitted@example.net", macro_document(), sender="permitted@example.com")
    assert await people.deliver(sent) == sent.content
    event = await administrator.event(later_than(started, "mail.delivered", mail_from=sent.sender))
    assert event.fields["reason"] == "malicious"


async def test_one_release_is_for_all_recipients(people: People, administrator: Administrator) -> None:
    """Each gets the same link; after one has released, each gets the mail, in a transaction of its own."""
    addresses = tuple(f"together-{number}@example.net" for number in (1, 2, 3))
    sent = mail(addresses, scored(9), sender="together@example.com")
    await people.deliver(sent)
    links = {link_in((await people.arrived(address))[0]) for address in addresses}
    assert len(links) == 1
    async with Visitor() as visitor:
        await visitor.press(await visitor.follow(links.pop()), "release")
        for address in addresses:
            assert len(attachments_of((await people.arrived(address, 2))[1])) == 2
        await administrator.until_stands(sent, State.RELEASED)
        assert (await visitor.reload()).says("every recipient gets it")


async def test_no_stranger_gets_a_portal_link(people: People, administrator: Administrator) -> None:
    """Where one recipient is outside of the protected domains, a malicious mail is refused for all."""
    await administrator.set(protected_domains=["example.net"])
    code, text = await people.send(mail(("inside@example.net", "outside@example.org"), scored(9)))
    assert (code, text[:5]) == (554, "5.7.1")
    assert await people.arrived("inside@example.net", 0) == []


async def test_the_password_may_be_shown_on_the_portal_instead(people: People, administrator: Administrator) -> None:
    await administrator.set(password_on_portal=True)
    file = scored(9)
    sent = mail("password@example.net", file, sender="password@example.com")
    link = await people.quarantined(sent)
    async with Visitor() as visitor:
        await visitor.press(await visitor.follow(link), "release")
        files = attachments_of((await people.arrived("password@example.net", 2))[1])
        assert list(files) == ["attachments.zip"]
        await administrator.until_stands(sent, State.RELEASED)
        words = (await visitor.reload()).words
    password = words[words.index("Password of the ZIP file:") + 1]
    with pyzipper.AESZipFile(io.BytesIO(files["attachments.zip"])) as archive:
        assert archive.read(file.name, password.encode()) == file.content
