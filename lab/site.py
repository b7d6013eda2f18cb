"""A site on loopback: one cloud, one device that is enrolled with it, one mail server behind; each a real process."""

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from cloud.address import Address
from device import control
from lab.processes import Running, command_line, result_of, start
from lab.waiting import until

REALM: Final = "demo"
NOTICES: Final = "quarantine@example.net"
ADMINISTRATOR: Final = "admin@example.net"
POLICY_SECONDS: Final = 30.0
_LOOPBACK: Final = "127.0.0.1"


class Site:
    """The parts of a site and what can be asked of them. Made by site()."""

    def __init__(self, folder: Path, server: Address, inbox: str | None, router: Sequence[str] = ()) -> None:
        self.folder = folder
        self.server = server
        self.inbox = inbox
        self._router = router
        self.cloud_state = folder / "cloud"
        self.device_state = folder / "device"
        self.enrolment = free_address()
        self.grpc = free_address()
        self.portal = free_address()
        self.smtp = free_address()
        self.device_program = "srx"
        """Or "srx-profiled"."""
        self.device_environment: dict[str, str] = {}
        """What the device gets of its environment beside the site's own; empty unless someone fills it before the start."""
        self.cloud: Running | None = None
        self.device: Running | None = None

    async def start_cloud(self) -> None:
        """Start the cloud; after a stop or a kill, on the same state and ports."""
        arguments = command_line(
            "srx-cloud",
            "serve",
            "--json",
            f"--enrolment-listen={self.enrolment}",
            f"--device-listen={self.grpc}",
            f"--portal-listen={self.portal}",
        )
        self.cloud = await start([*self._router, *arguments], self.folder / "cloud.log", self.environment)

    async def start_device(self, *flags: str) -> None:
        """Start the device in front of the mail server; after a stop or a kill, on the same state and port."""
        explicit = (f"--listen={self.smtp}", f"--server={self.server}")
        way = ("--intercept=transparent",) if self._router else explicit
        arguments = command_line(self.device_program, "run", "--json", *way, *flags)
        environment = {**self.environment, **self.device_environment}
        self.device = await start([*self._router, *arguments], self.folder / "device.log", environment)

    async def enroll(self) -> Any:
        """Take a one-time token and make the device a member of the realm."""
        token = await self.ask("srx-cloud", "token", "create", "--realm", REALM, "--json")
        return await self.ask("srx", "enroll", token["url"], "--json")

    async def ask(self, command: str, *arguments: str) -> Any:
        """Run one of our commands on this site's state; its JSON. Raises ProcessFailed."""
        return await result_of([*self._router, *command_line(command, *arguments)], self.environment)

    async def settings(self, *assignments: str) -> None:
        """Change the realm's settings; the device has them within a second."""
        await self.ask("srx-cloud", "settings", "set", "--realm", REALM, "--json", *assignments)

    async def has_policy(self) -> bool:
        """Whether the device hears the cloud, and knows the realm's policy."""
        told = await control.ask(self.device_state, "status")
        return bool(told["connected"]) and told["policy_revision"] > 0

    @property
    def environment(self) -> dict[str, str]:
        """Where the commands find this site's state."""
        return {"SRX_CLOUD_STATE": str(self.cloud_state), "SRX_STATE": str(self.device_state)}

    async def inbox_of(self, address: str, count: int = 0) -> list[dict[str, Any]]:
        """What the mail server has for a recipient, once it is at least `count` messages (ten seconds at most)."""
        async with httpx.AsyncClient(timeout=20) as http:
            answer = await http.get(f"{self.inbox}/messages", params={"to": address, "wait": count})
        if answer.status_code == httpx.codes.GATEWAY_TIMEOUT:
            raise TimeoutError(answer.json()["error"])
        found: list[dict[str, Any]] = answer.json()
        return found

    async def mail(self, number: int) -> bytes:
        """One message of the mail server, byte for byte."""
        async with httpx.AsyncClient(timeout=20) as http:
            return (await http.get(f"{self.inbox}/messages/{number}")).content


@asynccontextmanager
async def site(
    folder: Path, server: Address | None = None, *, flags: Sequence[str] = (), router: Sequence[str] = ()
) -> AsyncIterator[Site]:
    """Start everything, enrol, and end everything with the block. With a `server`, that one stands behind the device.

    `flags` are the device's (`srx run`), at this start. `router` is a command line that runs another one on a machine in the path
    to the server (lab.topology.build.command_in): cloud and device run there, and the device intercepts transparently.

    1. the mail server, so that there is somewhere to deliver to
    2. the realm, then the cloud that serves it
    3. a token, and with it the device's identity
    4. the device; released mail and notices take the way of all mail, through it
    5. the device's first policy: before it, mail meets its fallback
    """
    async with AsyncExitStack() as parts:
        made = Site(folder, *await _mail_server(folder, server, parts), router)
        parts.push_async_callback(_stop, made)
        await made.ask("srx-cloud", "realm", "create", REALM, "--json")
        route = made.server if router else made.smtp
        await made.settings(f"notice_address={NOTICES}", f"administrators={ADMINISTRATOR}", f"release_route={route}")
        await made.start_cloud()
        await made.enroll()
        await made.start_device(*flags)
        await until(made.has_policy, POLICY_SECONDS)
        yield made


async def _mail_server(folder: Path, server: Address | None, parts: AsyncExitStack) -> tuple[Address, str | None]:
    if server is not None:
        return server, None
    arguments = command_line("srx-lab", "mailserver", "--json", "--smtp=127.0.0.1:0", "--http=127.0.0.1:0")
    process = await start(arguments, folder / "mailserver.log", {})
    parts.push_async_callback(process.stop)
    return Address.parse(process.ready["smtp"]), process.ready["inbox"]


async def _stop(made: Site) -> None:
    """The device first: it has something to settle with the cloud."""
    for process in (made.device, made.cloud):
        if process is not None:
            await process.stop()


def free_address() -> Address:
    """An address that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return Address(_LOOPBACK, probe.getsockname()[1])
