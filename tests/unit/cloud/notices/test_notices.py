"""People are told of what others did, once, in mail that nothing answers and no list holds."""

from datetime import timedelta
from email.message import EmailMessage
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cloud.errors import NotFound
from cloud.jobs.engine import Again
from cloud.notices.topics import NoticeState, Topic, topic_of
from cloud.policy.realm_settings import RealmSettings, ReleaseOption
from cloud.quarantine.lifecycle import Act, Actor, ActorKind
from cloud.release.courier import NO_ROUTE
from device.inspection.passes import Issuer, Valid, check
from device.message.envelope import Envelope, Recipient
from tests.unit.cloud.release.mailserver import Mailserver, Taken
from tests.unit.cloud.release.messages import attached, composed, multipart, text
from tests.unit.cloud.release.rig import ADMINISTRATOR, RECIPIENT, Rig
from tests.unit.cloud.release.test_repackage import content_of, parsed, shape

ADMINISTRATORS: Final = ["admin@example.com", "second@example.com", "admin@example.com"]
SUBJECT: Final = "Minutes \u202e at https://example.net/minutes"
TWO: Final = (b"bob@example.com", b"carol@example.com")


async def told(rig: Rig, server: Mailserver, act: Act, actor: Actor, **envelope: object) -> list[Taken]:
    """Hold a message, act on it, and send what notices follow; the copies of a released message are left to their jobs."""
    built = composed(multipart("mixed", text(b"Hi\r\n"), attached("a.exe", b"x")), **envelope)  # type: ignore[arg-type]
    for each in built[0].reading.fields:
        each.display = SUBJECT if each.name == "Subject" else ""
    await rig.act(await rig.hold(built), act, actor)
    for notice_id in rig.asked.of("notice"):
        assert await rig.notice_work.attempt(notice_id, 1) is None
    return server.taken


def words(taken: Taken) -> str:
    parts = [part for part in parsed(taken.content).walk() if not part.is_multipart()]
    return "\n".join(content_of(part).decode() for part in parts)


@pytest.mark.parametrize(
    ("act", "option", "subject"),
    [
        (Act.RELEASE, ReleaseOption.RECIPIENT, "A quarantined e-mail was released"),
        (Act.DELETE, ReleaseOption.RECIPIENT, "A quarantined e-mail was deleted"),
        (Act.REQUEST, ReleaseOption.ADMINISTRATOR, "Release of a quarantined e-mail requested"),
    ],
)
async def test_administrators_are_told_what_recipients_do(
    rig: Rig, server: Mailserver, act: Act, option: ReleaseOption, subject: str
) -> None:
    await rig.set(release_route=server.route, administrators=ADMINISTRATORS, release_option=option)
    taken = await told(rig, server, act, RECIPIENT)
    assert [each.recipients for each in taken] == [("admin@example.com",), ("second@example.com",)]
    assert {parsed(each.content)["Subject"] for each in taken} == {subject}
    assert "bob@example.com" in words(taken[0])
    assert ("srx-cloud quarantine release msg_" in words(taken[0])) is (act is Act.REQUEST)
    assert "srx-cloud console link" in words(taken[0])
    assert ("Subject: Minutes at https[:]//example.net/minutes" in words(taken[0])) is (act is not Act.DELETE)


@pytest.mark.parametrize(("act", "subject"), [(Act.RELEASE, "released"), (Act.DELETE, "deleted")])
async def test_recipients_are_told_what_the_administrator_decides_and_nobody_elses_address(
    rig: Rig, server: Mailserver, act: Act, subject: str
) -> None:
    await rig.set(release_route=server.route, administrators=ADMINISTRATORS)
    taken = await told(rig, server, act, ADMINISTRATOR, recipients=TWO)
    assert [each.recipients[0].encode() for each in taken] == list(TWO)
    assert parsed(taken[0].content)["Subject"] == f"Your quarantined e-mail was {subject}"
    assert b"carol" not in taken[0].content
    assert "alice@example.org" in words(taken[0])


async def test_a_notice_is_marked_so_that_nothing_answers_it_and_passes_the_device(
    rig: Rig, server: Mailserver
) -> None:
    await rig.set(release_route=server.route, administrators=ADMINISTRATORS, notice_address="quarantine@example.com")
    taken = (await told(rig, server, Act.DELETE, RECIPIENT))[0]
    message = parsed(taken.content)
    assert isinstance(message, EmailMessage)
    assert (taken.mail_from, message["Auto-Submitted"]) == ("", "auto-generated")
    assert message["From"] == "E-mail quarantine <quarantine@example.com>"
    assert message["Message-ID"].startswith("<notice_")
    assert shape(message) == ("alternative", ["text/plain", "text/html"])
    assert taken.content.isascii()
    keys = await rig.keys.public_keys(rig.realm.id)
    issuer = Issuer(rig.realm.id, {key_id: Ed25519PublicKey.from_public_bytes(key) for key_id, key in keys.items()})
    envelope = Envelope(b"", (Recipient(b"admin@example.com"),))
    assert isinstance(check(taken.content, envelope, issuer, rig.moment[0].timestamp()), Valid)


async def test_what_an_attacker_writes_stays_text(rig: Rig, server: Mailserver) -> None:
    await rig.set(release_route=server.route, administrators=ADMINISTRATORS)
    evil = b'"<script>alert(1)</script>"@www.example.org'
    actor = Actor(ActorKind.RECIPIENT, "bob@example.com\r\nBcc: eve@example.net\u202e https://example.net/x")
    taken = (await told(rig, server, Act.DELETE, actor, mail_from=evil))[0]
    message = parsed(taken.content)
    assert "Bcc" not in message
    assert "<script>" not in words(taken).partition("<html")[2]
    assert "\u202e" not in words(taken)
    assert "https://example.net" not in words(taken)
    assert "www.example.org" not in words(taken)


async def test_an_address_that_cannot_stand_in_a_field_is_served_by_its_envelope_alone(
    rig: Rig, server: Mailserver
) -> None:
    await rig.set(release_route=server.route)
    odd = ["zoë@example.com".encode(), b'"a, eve@example.net"@example.com']
    taken = await told(rig, server, Act.DELETE, ADMINISTRATOR, recipients=odd)
    assert [each.recipients[0].encode() for each in taken] == odd
    assert {parsed(each.content)["To"] for each in taken} == {"undisclosed-recipients:;"}


async def test_a_notice_waits_for_its_route_and_says_so(rig: Rig, server: Mailserver) -> None:
    await rig.set(administrators=["admin@example.com"])
    await rig.act(await rig.hold(composed(attached("a.exe", b"x"))), Act.DELETE)
    notice_id = rig.asked.of("notice")[0]
    assert isinstance(await rig.notice_work.attempt(notice_id, 1), Again)
    assert [problem for _, problem in await rig.notices.unsent(rig.realm.id)] == [NO_ROUTE]
    await rig.set(release_route=server.route)
    assert await rig.notice_work.attempt(notice_id, 2) is None
    assert await rig.notices.unsent(rig.realm.id) == []
    assert await rig.notice_work.attempt(notice_id, 3) is None
    assert len(server.taken) == 1


@pytest.mark.parametrize(("reply", "days"), [("550 5.1.1 no", 0), ("451 4.3.0 later", 5)])
async def test_a_notice_that_nobody_takes_is_given_up_and_nobody_is_told_of_that(
    rig: Rig, server: Mailserver, reply: str, days: int
) -> None:
    await rig.set(release_route=server.route, administrators=["admin@example.com"])
    server.at_rcpt = lambda _: reply
    await rig.act(await rig.hold(composed(attached("a.exe", b"x"))), Act.DELETE)
    rig.moment[0] += timedelta(days=days)
    notice_id = rig.asked.of("notice")[0]
    assert await rig.notice_work.attempt(notice_id, 1) is None
    kept = await rig.notices.get(notice_id)
    assert kept is not None
    assert (kept.state, len(rig.asked.of("notice"))) == (NoticeState.REFUSED, 1)


async def test_what_is_held_within_minutes_is_told_in_one_digest(rig: Rig, server: Mailserver) -> None:
    await rig.set(release_route=server.route, administrators=["admin@example.com"], notify_quarantine=True)
    for number in range(3):
        held = await rig.hold(composed(attached("a.exe", b"%d" % number)))
        await rig.custody.announce(held.id)
        await rig.dispatcher.quarantined(held.id)
        rig.moment[0] += timedelta(minutes=1)
    assert len(rig.asked.of("notice")) == 1
    assert rig.asked.delays[0] == timedelta(minutes=5)
    digest = rig.asked.of("notice")[0]
    await rig.notice_work.attempt(digest, 1)
    assert parsed(server.taken[0].content)["Subject"] == "E-mails were quarantined"
    assert "3 e-mails were quarantined." in words(server.taken[0])
    late = await rig.hold(composed(attached("a.exe", b"late")))
    await rig.dispatcher.quarantined(late.id)
    assert len(rig.asked.of("notice")) == 2


@pytest.mark.parametrize(
    ("settings", "envelope"),
    [
        ({"notify_quarantine": False}, {}),
        ({"notify_quarantine": True}, {"mail_from": b"", "recipients": [b"admin@example.com"]}),
    ],
)
async def test_nobody_is_told_of_quarantine_unasked_nor_of_what_may_be_a_notice(
    rig: Rig, settings: dict[str, object], envelope: dict[str, object]
) -> None:
    await rig.set(administrators=["admin@example.com"], **settings)
    held = await rig.hold(composed(attached("a.exe", b"x"), **envelope))  # type: ignore[arg-type]
    await rig.dispatcher.quarantined(held.id)
    assert rig.asked.jobs == []


async def test_an_act_that_is_handed_over_twice_is_told_once(rig: Rig) -> None:
    await rig.set(administrators=["admin@example.com"])
    held = await rig.hold(composed(attached("a.exe", b"x")))
    act_id = await rig.act(held)
    await rig.dispatcher.release(held.id, act_id)
    await rig.dispatcher.notice(act_id)
    assert [kind for kind, _ in rig.asked.jobs] == ["release", "notice"]


async def test_things_that_are_not_there_are_not_found(rig: Rig) -> None:
    with pytest.raises(NotFound):
        await rig.dispatcher.notice("act_unknown")
    with pytest.raises(NotFound):
        await rig.dispatcher.quarantined("msg_unknown")
    assert await rig.notice_work.attempt("notice_unknown", 1) is None


@pytest.mark.parametrize(
    ("act", "kind", "told_without", "topic"),
    [
        (Act.RELEASE, ActorKind.RECIPIENT, False, Topic.RELEASED),
        (Act.DELETE, ActorKind.RECIPIENT, False, Topic.DELETED),
        (Act.REQUEST, ActorKind.RECIPIENT, True, Topic.REQUESTED),
        (Act.RELEASE, ActorKind.ADMINISTRATOR, True, Topic.APPROVED),
        (Act.DELETE, ActorKind.ADMINISTRATOR, True, Topic.REJECTED),
        (Act.DELETE, ActorKind.SYSTEM, False, None),
    ],
)
def test_who_is_told_follows_act_actor_and_settings(
    act: Act, kind: ActorKind, told_without: bool, topic: Topic | None
) -> None:
    quiet = RealmSettings(notify_release=False)
    assert topic_of(act, Actor(kind), RealmSettings()) is topic
    assert topic_of(act, Actor(kind), quiet) is (topic if told_without else None)
