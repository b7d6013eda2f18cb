"""The whole service in this process, a device at its ports, an administrator at its control socket."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from atp.v1 import (
    inspection_pb2,
    inspection_pb2_grpc,
    policy_pb2,
    policy_pb2_grpc,
    quarantine_pb2,
    quarantine_pb2_grpc,
    telemetry_pb2,
    telemetry_pb2_grpc,
)
from cloud.control import console, devices, events, lists, quarantine, realms, settings, tokens
from cloud.control.door import DirectDoor, Params, Result, ServiceDoor, open_door
from cloud.control.operation import Operation
from cloud.control.wire import FarError
from cloud.enrollment.revocation import Revocation
from cloud.policy.lists import ListName
from cloud.quarantine.lifecycle import State
from cloud.release.progress import DeliveryState
from cloud.rooms import opened_for_command
from cloud.service import Listening, run
from cloud.settings import Settings
from device.enrollment.channels import as_device
from device.enrollment.enrol import enrol
from device.enrollment.identity import Identity
from tests.unit.cloud.quarantine.world import SUBJECT, requests_for, sample

PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Site:
    """A running service with a realm, its administrator's door, and a device that has enrolled."""

    listening: Listening
    door: ServiceDoor
    identity: Identity


@asynccontextmanager
async def serving(state: Path) -> AsyncIterator[Listening]:
    """The service for the length of the block; it must stop by itself when it is told to."""
    chosen = Settings.read(
        {
            "state": str(state),
            "enrolment_listen": "127.0.0.1:0",
            "device_listen": "127.0.0.1:0",
            "portal_listen": "127.0.0.1:0",
            "workers": "1",
        },
        {},
    )
    stopping = asyncio.Event()
    ready: asyncio.Future[Listening] = asyncio.get_running_loop().create_future()
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        tasks.create_task(run(chosen, stopping, ready.set_result))
        yield await ready
        stopping.set()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with serving(tmp_path / "cloud") as listening:
        door = ServiceDoor(tmp_path / "cloud")
        await door.ask(realms.CREATE, realms.CreateRealm("acme"))
        link = await door.ask(tokens.CREATE, tokens.CreateToken(None, None, 600))
        yield Site(listening, door, await enrol(link.url, tmp_path / "device", serial="SN1"))


async def test_a_change_by_command_is_at_the_devices_within_a_second(site: Site) -> None:
    """And the device's revocation by command ends its stream."""
    async with as_device(site.identity) as channel:
        answers = aiter(policy_pb2_grpc.PolicyServiceStub(channel).WatchPolicy(policy_pb2.WatchPolicyRequest()))
        head = await anext(answers)
        assert len(head.snapshot.release_keys) == 1
        assert (await anext(answers)).HasField("commit")
        async with asyncio.timeout(1):
            await site.door.ask(lists.ADD, lists.ChangeList(None, ListName.BLOCK, ("bad.example",)))
            assert (await anext(answers)).snapshot.revision > head.snapshot.revision
            assert list((await anext(answers)).entries.block) == ["*@bad.example"]
        assert (await anext(answers)).HasField("commit")

        await site.door.ask(devices.REVOKE, devices.RevokeDevice(None, site.identity.device_id, Revocation.EVICTED))
        with pytest.raises(grpc.aio.AioRpcError, match="evicted"):
            await anext(answers)
    (device,) = (await site.door.ask(devices.LIST, devices.ListDevices(None))).devices
    assert (device.serial, device.status) == ("SN1", "evicted")


async def test_a_file_is_scored(site: Site) -> None:
    """By an analysis process, over mutual TLS; then it is known."""
    content = b"SRXLAB-SCORE: 8\n"
    digest = hashlib.sha256(content).digest()
    async with as_device(site.identity) as channel:
        stub = inspection_pb2_grpc.InspectionServiceStub(channel)
        metadata = inspection_pb2.FileMetadata(sha256=digest, size=len(content), name="a.txt")
        requests = (
            inspection_pb2.SubmitFileRequest(metadata=metadata),
            inspection_pb2.SubmitFileRequest(chunk=content),
        )
        verdict = (await stub.SubmitFile(iter(requests), timeout=PATIENCE)).verdict
        assert (verdict.sha256, verdict.score) == (digest, 8)
        known = await stub.LookupVerdicts(inspection_pb2.LookupVerdictsRequest(sha256=[digest]), timeout=PATIENCE)
        assert [each.score for each in known.verdicts] == [8]


async def test_a_message_is_held_shown_and_deleted(site: Site) -> None:
    """Stored by the device, its link answered by the portal, seen and deleted by the administrator."""
    async with as_device(site.identity) as channel:
        stub = quarantine_pb2_grpc.QuarantineServiceStub(channel)
        receipt = await stub.StoreMessage(iter(requests_for(sample())), timeout=PATIENCE)
        settled = quarantine_pb2.SettleMessageRequest(
            message_id=receipt.message_id,
            attempt_id=receipt.attempt_id,
            outcome=quarantine_pb2.SETTLE_OUTCOME_ACCEPTED,
            reply="250 2.0.0 ok",
        )
        await stub.SettleMessage(settled, timeout=PATIENCE)
    assert f"{site.listening.portal}/m/".encode() in receipt.replacement.content.replace(b"=\r\n", b"")

    (message,) = (await site.door.ask(quarantine.LIST, quarantine.ListMessages("acme"))).messages
    assert (message.id, message.status, message.device) == (receipt.message_id, State.HELD, site.identity.device_id)
    detail = await site.door.ask(quarantine.SHOW, quarantine.ShowMessage(None, message.id))
    assert (detail.subject, detail.parts[0].score) == (SUBJECT, 10)

    gone = await site.door.ask(quarantine.DELETE, quarantine.ActOnMessages(None, (message.id,)))
    assert gone.messages[0].status is State.DELETED
    detail = await site.door.ask(quarantine.SHOW, quarantine.ShowMessage(None, message.id))
    assert (detail.content_kept, detail.subject) == (False, "")
    with pytest.raises(FarError, match="deleted"):
        await site.door.ask(quarantine.RELEASE, quarantine.ActOnMessages(None, (message.id,)))


async def test_a_devices_events_are_shown(site: Site) -> None:
    """With its counters."""
    event = telemetry_pb2.DeviceEvent(event_id="e1", name="mail.quarantined", fields={"score": "9"})
    counters = telemetry_pb2.CounterReport(counters={"mail.seen": 3})
    async with as_device(site.identity) as channel:
        report = (telemetry_pb2.ReportRequest(event=event), telemetry_pb2.ReportRequest(counters=counters))
        await telemetry_pb2_grpc.TelemetryServiceStub(channel).Report(iter(report), timeout=PATIENCE)
    view = await site.door.ask(events.SHOW, events.ShowEvents(None))
    assert [(each.name, each.fields) for each in view.events] == [("mail.quarantined", {"score": "9"})]
    assert view.counters == {site.identity.device_id: {"mail.seen": 3}}


async def test_a_console_link_is_answered(site: Site) -> None:
    """By the portal, under the address that it listens on."""
    link = await site.door.ask(console.LINK, console.MakeLink(None))
    assert link.url.startswith(site.listening.portal)
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(link.url)).status_code == 200


async def test_what_was_asked_for_without_a_service_is_done_by_the_next(tmp_path: Path) -> None:
    """A release by command while nothing runs: the act stands, and the next start sends the message."""
    state = tmp_path / "cloud"
    async with mail_server() as (route, inbox), asyncio.timeout(PATIENCE):
        async with serving(state):
            door = ServiceDoor(state)
            await door.ask(realms.CREATE, realms.CreateRealm("acme"))
            await door.ask(settings.SET, settings.SetSettings(None, {"release_route": route}))
            link = await door.ask(tokens.CREATE, tokens.CreateToken(None, None, 600))
            async with as_device(await enrol(link.url, tmp_path / "device")) as channel:
                stub = quarantine_pb2_grpc.QuarantineServiceStub(channel)
                held = await stub.StoreMessage(iter(requests_for(sample())), timeout=PATIENCE)
        released = await without_service(state, quarantine.RELEASE, quarantine.ActOnMessages(None, (held.message_id,)))
        assert released.messages[0].status is State.SENDING
        async with serving(state):
            arrived = {(await inbox.get()).rcpt_tos[0] for _ in range(2)}
        assert arrived == {"bob@example.org", "eve@example.org"}
        shown = await without_service(state, quarantine.LIST, quarantine.ListMessages(None))
        assert shown.messages[0].status is State.RELEASED
        detail = await without_service(state, quarantine.SHOW, quarantine.ShowMessage(None, held.message_id))
        copies = {(copy.recipient, copy.state, copy.last_reply[:3]) for copy in detail.copies}
        assert copies == {(recipient, DeliveryState.TAKEN, "250") for recipient in arrived}


async def without_service(state: Path, operation: Operation[Params, Result], params: Params) -> Result:
    """What a command does while nothing runs."""
    chosen = Settings.read({"state": str(state)}, {})
    async with open_door(state, lambda folder: opened_for_command(chosen, folder)) as door:
        assert isinstance(door, DirectDoor)
        return await door.ask(operation, params)


class Inbox(asyncio.Queue[Envelope]):
    """Takes every mail (aiosmtpd's handler)."""

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.put_nowait(envelope)
        return "250 2.0.0 taken"


@asynccontextmanager
async def mail_server() -> AsyncIterator[tuple[str, Inbox]]:
    """HOST:PORT of a mail server, and what it took."""
    inbox = Inbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(inbox), "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", inbox
