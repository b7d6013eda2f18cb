"""A release sends one message to each recipient, each with a pass of its own, until everyone's server has spoken."""

import asyncio
import shutil
from asyncio.subprocess import DEVNULL
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from atp.v1 import quarantine_pb2 as wire
from cloud.inspection.verdicts import Digest, RuleSet
from cloud.jobs.engine import Again
from cloud.quarantine.lifecycle import Act, State
from cloud.release.courier import NO_ROUTE
from cloud.release.progress import DeliveryState
from device.inspection import passes as device_passes
from device.inspection.passes import Issuer, Valid
from device.message.envelope import Envelope, Recipient
from tests.unit.cloud.release.mailserver import Mailserver, Taken, mailserver
from tests.unit.cloud.release.messages import FIELDS, attached, composed, multipart, text
from tests.unit.cloud.release.rig import ADMINISTRATOR, Rig
from tests.unit.cloud.release.test_repackage import content_of, parsed, shape

FILE = attached("report.exe", b"MZ not really a program")
TWO = (b"bob@example.com", b"Carol@example.com")


def message(**envelope: object) -> tuple[wire.MessageManifest, bytes]:
    return composed(multipart("mixed", text(b"Hello\r\n"), FILE), **envelope)  # type: ignore[arg-type]


def archive_of(taken: Taken) -> bytes:
    parts = [part for part in parsed(taken.content).walk() if part.get_filename() == "attachments.zip"]
    return content_of(parts[0])


def password_of(taken: Taken) -> str:
    parts = [part for part in parsed(taken.content).walk() if part.get_filename() == "attachments-password.txt"]
    return content_of(parts[0]).decode().splitlines()[0]


async def test_each_recipient_gets_one_message_with_a_pass_that_the_device_takes(rig: Rig, server: Mailserver) -> None:
    await rig.set(release_route=server.route)
    held = await rig.hold(message(recipients=TWO))
    release_id = await rig.act(held)
    assert rig.asked.jobs[0] == ("release", release_id)
    assert await rig.work.attempt(release_id, 1) is None
    issuer = Issuer(
        rig.realm.id,
        {
            key_id: Ed25519PublicKey.from_public_bytes(key)
            for key_id, key in (await rig.keys.public_keys(rig.realm.id)).items()
        },
    )
    assert [(taken.mail_from, taken.recipients) for taken in server.taken] == [
        ("alice@example.org", (recipient.decode(),)) for recipient in TWO
    ]
    found = [
        device_passes.check(
            taken.content,
            Envelope(b"alice@example.org", (Recipient(recipient),)),
            issuer,
            rig.moment[0].timestamp(),
        )
        for taken, recipient in zip(server.taken, TWO, strict=True)
    ]
    assert all(isinstance(each, Valid) for each in found)
    assert len({each.claims.pass_id for each in found if isinstance(each, Valid)}) == 2
    assert (await rig.custody.get(rig.realm.id, held.id)).state is State.RELEASED


async def test_the_zip_opens_with_the_password_and_its_digest_is_a_fixed_verdict(rig: Rig, server: Mailserver) -> None:
    await rig.set(release_route=server.route)
    held = await rig.hold(message())
    await rig.work.attempt(await rig.act(held), 1)
    digest = Digest(sha256(archive_of(server.taken[0])).digest())
    known = await rig.verdicts.known(rig.realm.id, [digest], RuleSet("any"), rig.moment[0])
    assert [verdict.score for verdict in known] == [10]
    assert await rig.passwords.of_message(rig.realm.id, held.id) == password_of(server.taken[0])


@pytest.mark.programs
async def test_the_zip_opens_with_7z(rig: Rig, server: Mailserver, tmp_path: Path) -> None:
    program = shutil.which("7z")
    assert program is not None, "7z is missing: make programs"
    await rig.set(release_route=server.route)
    await rig.work.attempt(await rig.act(await rig.hold(message())), 1)
    (tmp_path / "a.zip").write_bytes(archive_of(server.taken[0]))
    out = tmp_path / "out"
    password = password_of(server.taken[0])
    assert await status_of(program, "x", f"-p{password}", f"-o{out}", str(tmp_path / "a.zip")) == 0
    assert (out / "report.exe").read_bytes() == FILE.content
    assert await status_of(program, "t", "-pwrong", str(tmp_path / "a.zip")) != 0


async def status_of(*command: str) -> int:
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
    async with asyncio.timeout(30):
        return await process.wait()


async def test_a_temporary_refusal_is_tried_again_for_that_recipient_alone(rig: Rig, server: Mailserver) -> None:
    await rig.set(release_route=server.route)
    server.at_data = lambda who: "451 4.3.0 later" if who == "Carol@example.com" else None
    held = await rig.hold(message(recipients=TWO))
    release_id = await rig.act(held)
    assert isinstance(await rig.work.attempt(release_id, 1), Again)
    assert (await rig.custody.get(rig.realm.id, held.id)).state is State.SENDING
    server.at_data = lambda _: None
    assert await rig.work.attempt(release_id, 2) is None
    assert [taken.recipients for taken in server.taken] == [("bob@example.com",), ("Carol@example.com",)]
    first, second = (parsed(taken.content)["Message-ID"] for taken in server.taken)
    assert first == second == "<1@example.org>"
    assert password_of(server.taken[0]) == password_of(server.taken[1])


async def test_refused_for_one_is_released_and_the_administrator_is_told(rig: Rig, server: Mailserver) -> None:
    await rig.set(release_route=server.route, administrators=["admin@example.com"], notify_release=False)
    server.at_rcpt = lambda who: "550 5.1.1 no such user" if who == "bob@example.com" else None
    held = await rig.hold(message(recipients=TWO))
    release_id = await rig.act(held)
    assert await rig.work.attempt(release_id, 1) is None
    progress = await rig.progress(release_id)
    assert [(each.state, each.last_reply) for each in progress.deliveries] == [
        (DeliveryState.REFUSED, "550 5.1.1"),
        (DeliveryState.TAKEN, "250 2.0.0"),
    ]
    assert (await rig.custody.get(rig.realm.id, held.id)).state is State.RELEASED
    server.at_rcpt = lambda _: None
    for notice_id in rig.asked.of("notice"):
        await rig.notice_work.attempt(notice_id, 1)
    assert server.taken[-1].recipients == ("admin@example.com",)
    assert b"bob@example.com: 550 5.1.1" in server.taken[-1].content


async def test_refused_for_all_is_held_again_and_can_be_released_anew(rig: Rig, server: Mailserver) -> None:
    await rig.set(release_route=server.route)
    server.at_rcpt = lambda _: "550 5.1.1 no such user"
    held = await rig.hold(message())
    await rig.work.attempt(await rig.act(held), 1)
    assert (await rig.custody.get(rig.realm.id, held.id)).state is State.HELD
    server.at_rcpt = lambda _: None
    await rig.work.attempt(await rig.act(held), 1)
    assert (await rig.custody.get(rig.realm.id, held.id)).state is State.RELEASED
    assert len(server.taken) == 1


async def test_without_a_route_the_administrator_sees_what_to_do_and_it_is_tried_later(
    rig: Rig, server: Mailserver
) -> None:
    release_id = await rig.act(await rig.hold(message()))
    assert isinstance(await rig.work.attempt(release_id, 1), Again)
    assert (await rig.progress(release_id)).release.problem == NO_ROUTE
    await rig.set(release_route=server.route)
    assert await rig.work.attempt(release_id, 2) is None
    assert (await rig.progress(release_id)).release.problem == ""
    assert len(server.taken) == 1


@pytest.mark.parametrize("route", ["127.0.0.1:1", "nonsense"])
async def test_a_route_that_is_down_keeps_everything_pending(rig: Rig, route: str) -> None:
    await rig.set(release_route=route)
    release_id = await rig.act(await rig.hold(message(recipients=TWO)))
    assert isinstance(await rig.work.attempt(release_id, 1), Again)
    progress = await rig.progress(release_id)
    assert (len(progress.pending), progress.release.problem != "") == (2, True)


async def test_after_five_days_it_is_given_up_and_the_message_is_held_again(rig: Rig) -> None:
    held = await rig.hold(message())
    release_id = await rig.act(held)
    rig.moment[0] += timedelta(days=5) - timedelta(seconds=1)
    assert isinstance(await rig.work.attempt(release_id, 40), Again)
    rig.moment[0] += timedelta(seconds=1)
    assert await rig.work.attempt(release_id, 41) is None
    assert [each.last_reply for each in (await rig.progress(release_id)).refused] == ["given up"]
    assert (await rig.custody.get(rig.realm.id, held.id)).state is State.HELD


async def test_a_finished_release_is_not_sent_again_however_often_it_is_tried(rig: Rig, server: Mailserver) -> None:
    await rig.set(release_route=server.route)
    release_id = await rig.act(await rig.hold(message()))
    for number in range(1, 4):
        assert await rig.work.attempt(release_id, number) is None
    assert len(server.taken) == 1
    assert await rig.work.attempt("act_unknown", 1) is None


async def test_null_sender_and_parameters_are_kept_as_they_were(rig: Rig, server: Mailserver) -> None:
    await rig.set(release_route=server.route)
    held = await rig.hold(
        message(
            mail_from=b"",
            mail_parameters=[b"BODY=8BITMIME", b"SIZE=9", b"AUTH=<>", b"RET=HDRS"],
            rcpt_parameters=[b"NOTIFY=NEVER"],
        )
    )
    await rig.work.attempt(await rig.act(held), 1)
    taken = server.taken[0]
    assert taken.mail_from == ""
    assert [option for option in taken.mail_options if not option.startswith("SIZE=")] == ["BODY=8BITMIME"]
    assert taken.rcpt_options == ()  # the server offers no DSN
    assert parsed(taken.content).get_all("Received", [])[0].startswith("by cloud.example.net id act_")


async def test_utf8_addresses_go_where_they_may_and_are_refused_for_good_elsewhere(rig: Rig) -> None:
    held = {"recipients": ["zoë@example.com".encode()], "mail_parameters": [b"SMTPUTF8"]}
    async with mailserver(utf8=False) as old, mailserver() as new:
        await rig.set(release_route=old.route)
        refused = await rig.act(await rig.hold(message(**held)))
        assert await rig.work.attempt(refused, 1) is None
        assert (await rig.progress(refused)).refused[0].last_reply == "SMTPUTF8 is needed and not offered"
        await rig.set(release_route=new.route)
        taken = await rig.act(await rig.hold(message(**held)))
        assert await rig.work.attempt(taken, 1) is None
        assert (new.taken[0].recipients, "SMTPUTF8" in new.taken[0].mail_options) == (("zoë@example.com",), True)


async def test_a_blocklisted_message_without_attachment_goes_as_it_was_with_a_pass(
    rig: Rig, server: Mailserver
) -> None:
    await rig.set(release_route=server.route)
    built = composed(text(b"Hello\r\n"))
    await rig.work.attempt(await rig.act(await rig.hold(built)), 1)
    assert server.taken[0].content.endswith(built[1])
    assert await rig.passwords.of_message(rig.realm.id, "msg_unknown") is None
    assert server.taken[0].content.count(b"X-ATP-Release-Pass:") == 1


async def test_the_password_is_on_the_portal_where_the_realm_says_so(rig: Rig, server: Mailserver) -> None:
    await rig.set(release_route=server.route, password_on_portal=True)
    held = await rig.hold(message())
    await rig.work.attempt(await rig.act(held), 1)
    assert shape(parsed(server.taken[0].content)) == ("mixed", ["text/plain", "text/plain", "attachments.zip"])
    password = await rig.passwords.of_message(rig.realm.id, held.id)
    assert password is not None
    assert password.encode() not in server.taken[0].content
    assert await rig.passwords.of_message("realm_other", held.id) is None


async def test_a_message_that_goes_in_circles_is_not_sent(rig: Rig, server: Mailserver) -> None:
    await rig.set(release_route=server.route)
    fields = [b"Received: by mx.example.com; Thu, 1 Jan 2026 00:00:00 +0000\r\n"] * 100 + list(FIELDS)
    release_id = await rig.act(await rig.hold(message(fields=fields)))
    assert await rig.work.attempt(release_id, 1) is None
    assert ((await rig.progress(release_id)).refused[0].last_reply, server.taken) == ("mail loop", [])


async def test_a_late_repetition_of_a_release_does_not_end_a_newer_one(rig: Rig, server: Mailserver) -> None:
    await rig.set(release_route=server.route)
    server.at_rcpt = lambda _: "550 5.1.1 no such user"
    held = await rig.hold(message())
    first = await rig.act(held)
    await rig.work.attempt(first, 1)
    await rig.act(held, Act.RELEASE, ADMINISTRATOR)
    await rig.custody.finish_sending(held.id, False, act_id=first)
    assert (await rig.custody.get(rig.realm.id, held.id)).state is State.SENDING


async def test_what_is_unfinished_has_its_job_after_a_start(rig: Rig) -> None:
    await rig.set(administrators=["admin@example.com"])
    await rig.act(await rig.hold(message()))
    asked = list(rig.asked.jobs)
    rig.asked.jobs.clear()
    await rig.dispatcher.recover()
    assert sorted(rig.asked.jobs) == sorted(asked)
