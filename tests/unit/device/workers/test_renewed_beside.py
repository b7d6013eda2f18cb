"""A certificate that the parent renews while workers run: renewed once, used by all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import grpc

from atp.v1 import policy_pb2
from atp.v1.policy_pb2_grpc import PolicyServiceServicer
from cloud.enrollment.authority import DEVICE_LIFETIME
from device.enrollment.identity import Identity
from device.enrollment.renewal import Bell, Renewal
from device.settings import Settings
from device.workers.process import WorkerProcess
from lab.processes import command_line, running
from lab.waiting import until
from tests.enrolling import Cloud, OwnClock, cloud_in

SECONDS = 90.0


class Silent(PolicyServiceServicer):
    """Lets every process watch a policy that never comes; `watched` counts the calls that came through the cloud's gate."""

    def __init__(self) -> None:
        self.watched = 0

    async def WatchPolicy(  # noqa: N802 - the wire's name
        self,
        _request: policy_pb2.WatchPolicyRequest,
        _context: grpc.aio.ServicerContext[policy_pb2.WatchPolicyRequest, policy_pb2.WatchPolicyResponse],
    ) -> AsyncIterator[policy_pb2.WatchPolicyResponse]:
        self.watched += 1
        yield policy_pb2.WatchPolicyResponse()
        await asyncio.Event().wait()


@asynccontextmanager
async def worker_of(state: Path) -> AsyncIterator[WorkerProcess]:
    """One that serves nobody: this process is its parent."""
    settings = Settings.read({"state": state, "server": "127.0.0.1:1", "workers": "2"}, {})
    worker = await WorkerProcess.start(1, settings, [])
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(worker.follow())
        try:
            await worker.ready()
            yield worker
        finally:
            worker.tell("stop")
            await asyncio.wait_for(worker.ended.wait(), SECONDS)


async def test_a_running_worker_uses_the_new_certificate_once_it_is_told(tmp_path: Path) -> None:
    """Its calls come with the new one: the old one would make the cloud take the device for two."""
    async with cloud_in(tmp_path, [Silent()]) as cloud:
        state = tmp_path / "device"
        identity = await cloud.enrolled(state)
        async with worker_of(state) as worker:
            await until_first_use(cloud, 1)
            renewed = await Renewal(state, identity, OwnClock(), lambda: 0.5, Bell()).renew()
            assert renewed.generation == 2
            worker.tell("renewed")
            await until_first_use(cloud, 2)


async def test_a_device_of_several_workers_renews_once(tmp_path: Path) -> None:
    """The certificate is due at the start; the parent fetches the next, and its workers use that one."""
    silent = Silent()

    async def all_watch() -> bool:
        return silent.watched >= 3

    async with cloud_in(tmp_path, [silent]) as cloud:
        state = tmp_path / "device"
        cloud.authority._device_lifetime = timedelta(minutes=1)
        await cloud.enrolled(state)
        cloud.authority._device_lifetime = DEVICE_LIFETIME
        flags = ("--server=127.0.0.1:1", "--listen=127.0.0.1:0", "--workers=2", f"--state={state}")
        async with running(command_line("srx", "run", "--json", *flags), tmp_path / "device.log", {}):
            await until_first_use(cloud, 2)
            await until(all_watch, SECONDS)
        assert len(await cloud.noted("device.renewed")) == 1
        kept = Identity.load(state)
        assert kept is not None
        assert kept.generation == 2


async def until_first_use(cloud: Cloud, generation: int) -> None:
    """The cloud has heard from the device with that certificate."""

    async def used() -> bool:
        ((_, device),) = cloud.devices._by_id.items()
        return device.current.generation == generation and device.first_used_at is not None

    await until(used, SECONDS)
