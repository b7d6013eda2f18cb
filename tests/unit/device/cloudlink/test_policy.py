"""The policy's keeper: whole snapshots, rising revisions, kept across restarts for one realm alone."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from atp.v1 import policy_pb2 as wire
from atp.v1.policy_pb2_grpc import PolicyServiceServicer, add_PolicyServiceServicer_to_server
from device.cloudlink.policy import PolicyKeeper
from device.inspection.policy import Action
from tests.unit.device.cloudlink.rig import PlainChannel, serving


class Cloud(PolicyServiceServicer):
    """Sends what the test puts into `script`."""

    def __init__(self) -> None:
        self.script: asyncio.Queue[wire.WatchPolicyResponse] = asyncio.Queue()
        self.asked: asyncio.Queue[int] = asyncio.Queue()

    async def WatchPolicy(  # noqa: N802
        self, request: wire.WatchPolicyRequest, _context: Any
    ) -> AsyncIterator[wire.WatchPolicyResponse]:
        self.asked.put_nowait(request.have_revision)
        while True:
            yield await self.script.get()

    def send(self, revision: int, *allow: str, commit: bool = True, action: Any = wire.MAIL_ACTION_PERMIT) -> None:
        """A snapshot in two pieces of its list, and its commit marker."""
        self.script.put_nowait(
            wire.WatchPolicyResponse(
                snapshot=wire.PolicySnapshot(revision=revision, action=action, recommended_threshold=5)
            )
        )
        for entry in allow:
            self.script.put_nowait(wire.WatchPolicyResponse(entries=wire.ListEntries(allow=[entry])))
        if commit:
            self.script.put_nowait(wire.WatchPolicyResponse(commit=wire.PolicyCommit(revision=revision)))


def member_of(channel: PlainChannel, realm: str) -> PlainChannel:
    """The channel of a device that is enrolled in that realm."""
    channel._identity = SimpleNamespace(authority="atp-test.invalid", realm_id=realm)  # type: ignore[assignment]
    return channel


async def until_revision(keeper: PolicyKeeper, revision: int) -> None:
    """Wait for a revision to be in force."""
    async with asyncio.timeout(5):
        while keeper.current.revision != revision:  # noqa: ASYNC110 - the keeper tells nobody
            await asyncio.sleep(0)


@pytest.fixture
async def cloud() -> Cloud:
    """A policy service without anything to say yet."""
    return Cloud()


async def test_a_snapshot_is_applied_whole_at_its_commit(cloud: Cloud, tmp_path: Path) -> None:
    """Its lists come in pieces; before the marker nothing is in force, and a snapshot without one never is."""
    async with serving((add_PolicyServiceServicer_to_server, cloud)) as channel, asyncio.TaskGroup() as tasks:
        keeper = PolicyKeeper(tmp_path / "policy.json", member_of(channel, "realm"))
        watching = tasks.create_task(keeper.run())
        cloud.send(7, "a@example.com", commit=False)
        cloud.send(8, "b@example.com", "c@example.com")
        await until_revision(keeper, 8)
        assert keeper.current.allow == {"b@example.com", "c@example.com"}
        assert keeper.current.action is Action.PERMIT
        watching.cancel()


async def test_revisions_only_rise(cloud: Cloud, tmp_path: Path) -> None:
    """A snapshot that is rolled back is not applied."""
    async with serving((add_PolicyServiceServicer_to_server, cloud)) as channel, asyncio.TaskGroup() as tasks:
        keeper = PolicyKeeper(tmp_path / "policy.json", member_of(channel, "realm"))
        watching = tasks.create_task(keeper.run())
        cloud.send(8)
        cloud.send(3, action=wire.MAIL_ACTION_QUARANTINE)
        cloud.send(9, action=wire.MAIL_ACTION_TAG_AND_DELIVER)
        await until_revision(keeper, 9)
        assert keeper.current.action is Action.TAG_AND_DELIVER
        watching.cancel()


async def test_the_policy_survives_a_restart_and_belongs_to_one_realm(cloud: Cloud, tmp_path: Path) -> None:
    """A new keeper has it without a cloud, and asks for what is newer; enrolled elsewhere, it has none."""
    file = tmp_path / "policy.json"
    async with serving((add_PolicyServiceServicer_to_server, cloud)) as channel, asyncio.TaskGroup() as tasks:
        keeper = PolicyKeeper(file, member_of(channel, "realm"))
        watching = tasks.create_task(keeper.run())
        cloud.send(8, "a@example.com")
        await until_revision(keeper, 8)
        watching.cancel()
        restarted = PolicyKeeper(file, channel)
        restarted.load()
        assert restarted.current == keeper.current
        elsewhere = PolicyKeeper(file, member_of(channel, "another-realm"))
        elsewhere.load()
        assert elsewhere.current.revision == 0


async def test_watching_anew_keeps_the_policy_and_asks_for_what_is_newer(cloud: Cloud, tmp_path: Path) -> None:
    """After a renewal the stream resumes, with the revision that is in force."""
    async with serving((add_PolicyServiceServicer_to_server, cloud)) as channel, asyncio.TaskGroup() as tasks:
        keeper = PolicyKeeper(tmp_path / "policy.json", member_of(channel, "realm"))
        watching = tasks.create_task(keeper.run())
        cloud.send(8)
        await until_revision(keeper, 8)
        keeper.watch_anew()
        async with asyncio.timeout(5):
            assert [await cloud.asked.get(), await cloud.asked.get()] == [0, 8]
        watching.cancel()


async def test_a_policy_that_cannot_be_kept_is_in_force_all_the_same(cloud: Cloud, tmp_path: Path) -> None:
    """A full disk, or a file that can't be written, ends nothing."""
    (tmp_path / "policy.new").mkdir()
    async with serving((add_PolicyServiceServicer_to_server, cloud)) as channel, asyncio.TaskGroup() as tasks:
        keeper = PolicyKeeper(tmp_path / "policy.json", member_of(channel, "realm"))
        watching = tasks.create_task(keeper.run())
        cloud.send(8)
        await until_revision(keeper, 8)
        cloud.send(9, action=99)
        cloud.send(10)
        await until_revision(keeper, 10)
        watching.cancel()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"{}", b'{"whose": 1}', b"\xff\xfe", b"[]", b"null", b'"x"', b'{"snapshot": 1}']
)
async def test_a_damaged_file_is_no_policy(cloud: Cloud, tmp_path: Path, content: bytes) -> None:
    """The device starts, and says that it has none."""
    (tmp_path / "policy.json").write_bytes(content)
    async with serving((add_PolicyServiceServicer_to_server, cloud)) as channel:
        keeper = PolicyKeeper(tmp_path / "policy.json", member_of(channel, "realm"))
        keeper.load()
        assert keeper.current.revision == 0
