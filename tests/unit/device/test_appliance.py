"""The device from start to stop: what it says when it can't start, what it says when it does, and its place in a realm."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from device.cloudlink.channel import CloudChannel
from device.cloudlink.heartbeat import Heartbeat
from device.cloudlink.membership import Membership
from device.cloudlink.policy import PolicyKeeper
from device.enrollment.enrol import enrol
from device.enrollment.identity import Identity
from device.inspection.policy import CloudPolicy
from device.inspection.verdicts import FileVerdict, VerdictMemory
from device.message.reading import Sha256
from lab.processes import command_line, start
from lab.waiting import until
from tests.enrolling import OTHER_REALM, REALM, Cloud, OwnClock, cloud_in

SECONDS = 60.0
"""The longest that anything is waited for."""


@dataclass(frozen=True, slots=True)
class Forgetful:
    """Follows an identity as the mail path does."""

    memory: VerdictMemory

    def refreshed(self) -> None:
        self.memory.forget()

    def renewed(self) -> None:
        """Verdicts stay."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and how it ended."""

    status: int
    out: str
    err: str


async def srx(*arguments: str, state: Path, text: str = "") -> Said:
    """One command to its end, with that on its standard input."""
    process = await asyncio.create_subprocess_exec(
        *command_line("srx", *arguments, "--state", state),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(text.encode()), SECONDS)
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())


async def refused(*arguments: str, state: Path) -> tuple[int, str]:
    """`srx run` with these, which can't start; its exit code and the sentence that stands after whatever it logged."""
    said = await srx("run", *arguments, state=state)
    sentence = "srx: " + said.err.rpartition("srx: ")[2]
    assert said.out == ""
    assert "Traceback" not in said.err
    assert len(sentence.splitlines()) == 2, "a sentence, and what to do next"
    return said.status, sentence


SERVER = ("--server", "127.0.0.1:25")
ANY_PORT = ("--listen", "127.0.0.1:0")


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status, sentence = await refused(*SERVER, "--listen", address, state=tmp_path / "device")
    assert status == 2
    assert f"can't listen on {address}" in sentence


async def test_an_open_relay_is_refused(tmp_path: Path) -> None:
    status, sentence = await refused(*SERVER, "--listen", "0.0.0.0:0", state=tmp_path / "device")
    assert status == 2
    assert "an open relay" in sentence
    assert "--client-address" in sentence


async def test_without_a_server_nothing_starts(tmp_path: Path) -> None:
    status, sentence = await refused(state=tmp_path / "device")
    assert (status, sentence) == (
        2,
        (
            "srx: no mail server is named\n"
            "     Name the real one: --server HOST:PORT; or stand in the path: --intercept transparent.\n"
        ),
    )


async def test_a_state_folder_that_cant_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    state = tmp_path / "file" / "device"
    status, sentence = await refused(*SERVER, *ANY_PORT, state=state)
    assert status == 2
    assert f"the state folder {state} can't be made" in sentence


async def test_a_damaged_identity_is_no_missing_one(tmp_path: Path) -> None:
    """The device does not run as if it had never been enrolled; the key's bytes are shown to nobody."""
    state = tmp_path / "device"
    async with cloud_in(tmp_path) as cloud:
        await cloud.enrolled(state)
    (state / "identity" / "current" / "key.pem").write_bytes(b"-----BEGIN PRIVATE KEY-----\nno key\n")
    status, sentence = await refused(*SERVER, *ANY_PORT, state=state)
    assert status == 1
    assert "the identity of this device is damaged" in sentence
    assert "srx enroll --replace" in sentence
    assert "no key" not in sentence


async def test_a_device_says_at_its_start_what_it_does_not_do(tmp_path: Path) -> None:
    """Which fallback mail of unknown verdict meets, how it stands with STARTTLS, and that it is not enrolled.

    A second one on its folder is refused, and `srx stop` ends it.
    """
    state, log = tmp_path / "device", tmp_path / "device.log"
    device = await start(
        command_line("srx", "run", "--json", *SERVER, *ANY_PORT, "--fallback-action=block", "--state", state), log, {}
    )
    try:
        await until(lambda: logged(log, "device.not-enrolled"), SECONDS)
        warnings = warned(log)
        assert "action=block" in warnings["device.fallback"]
        assert any(name.startswith("device.starttls") for name in warnings)
        assert "no attachment is inspected" in warnings["device.not-enrolled"]
        assert "(block)" in warnings["device.not-enrolled"]
        status, sentence = await refused(*SERVER, *ANY_PORT, state=state)
        assert (status, "a device already runs on" in sentence) == (2, True)
        assert (await srx("stop", state=state)).status == 0
        assert await device.ended() == 0
        assert await logged(log, "device.stopped")
    finally:
        await device.stop()


def warned(log: Path) -> dict[str, str]:
    """The log's warnings, by event name."""
    return {line.split()[2]: line for line in lines(log) if "[warning" in line}


async def logged(log: Path, event: str) -> bool:
    return any(event in line for line in lines(log))


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines()


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with cloud_in(tmp_path) as made:
        yield made


async def test_a_device_enrols_with_a_url_from_standard_input(cloud: Cloud, tmp_path: Path) -> None:
    """So that its token shows in no list of processes; nothing that is printed repeats it."""
    url, state = await cloud.url(), tmp_path / "device"
    said = await srx("enroll", "-", "--serial", "SN7", state=state, text=f"{url.text()}\n")
    assert said.status == 0, said.err
    assert "Device enrolled successfully!" in said.out
    identity = Identity.load(state)
    assert identity is not None
    assert [(device.id, device.serial) for device in cloud.devices.list(REALM)] == [(identity.device_id, "SN7")]
    assert url.token.text() not in said.out + said.err


async def test_nothing_on_standard_input_is_no_url(tmp_path: Path) -> None:
    said = await srx("enroll", "-", state=tmp_path / "device")
    assert said.status == 1
    assert said.err.startswith("srx: ")
    assert "Traceback" not in said.err


async def test_the_cloud_hears_that_a_device_lives_and_which_policy_it_has(cloud: Cloud, tmp_path: Path) -> None:
    """Its first heartbeat comes with its start."""
    identity = await cloud.enrolled(tmp_path / "device")
    channel = CloudChannel(identity)
    keeper = PolicyKeeper(tmp_path / "policy.json", channel)
    keeper.current = CloudPolicy(revision=12)
    heartbeat = Heartbeat(channel, keeper, OwnClock())

    async def heard() -> bool:
        (device,) = cloud.devices.list(REALM)
        return device.policy_revision == 12

    async with asyncio.TaskGroup() as tasks:
        beating = tasks.create_task(heartbeat.run())
        await until(heard, SECONDS)
        beating.cancel()
    await channel.close()
    (device,) = cloud.devices.list(REALM)
    assert device.version
    assert device.last_seen_at is not None


async def test_enrolled_elsewhere_a_device_forgets_verdicts_and_policy(cloud: Cloud, tmp_path: Path) -> None:
    """Both belong to one realm; calls from then on are the new device's. Refreshed as the same one, its policy stays."""
    state = tmp_path / "device"
    old = await cloud.enrolled(state)
    channel, memory = CloudChannel(old), VerdictMemory(lambda: 0.0)
    keeper = PolicyKeeper(tmp_path / "policy.json", channel)
    membership = Membership(state, channel, keeper, Forgetful(memory))
    (tmp_path / "policy.json").write_text(kept_policy(old))
    membership.refresh()
    assert keeper.current.revision == 5
    memory.remember("rules-1", Sha256(b"\1" * 32), FileVerdict(9))
    new = await enrol((await cloud.url(OTHER_REALM)).text(), state, serial="SN1", replace=True)
    membership.refresh()
    assert channel.identity == new
    assert keeper.current == CloudPolicy()
    assert memory.recall(Sha256(b"\1" * 32)) is None
    await channel.close()


def kept_policy(identity: Identity) -> str:
    """What PolicyKeeper writes of a small policy of that realm."""
    snapshot = {"revision": "5", "action": "MAIL_ACTION_PERMIT", "recommendedThreshold": 7}
    whose = f"{identity.authority}/{identity.realm_id}"
    return json.dumps({"whose": whose, "snapshot": snapshot, "lists": {}})
