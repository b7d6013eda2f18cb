"""A Postfix of a test's own: configuration, queue, ports and mailboxes in one folder, nothing of the machine's.

It needs root: Postfix changes users, and its own user must reach the folder, so that lies outside of pytest's private ones.
It runs on the test's machine or on a host of the lab's networks, and takes mail by SMTP and from its own sendmail command.
"""

import os
import pwd
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cloud.address import Address
from lab.programs import located, run
from lab.site import free_address
from lab.waiting import until

DOMAIN = "example.net"
_SECONDS = 60.0

_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
myhostname = mail.{domain}
mydestination =
inet_interfaces = {host}
inet_protocols = ipv4
mynetworks = 127.0.0.1/32
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/boxes
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
relayhost = [127.0.0.1]:9
smtpd_banner = $myhostname ESMTP
smtpd_client_connection_rate_limit = 0
virtual_mailbox_limit = 0
"""
"""Every address of the domain is one Maildir; `relayhost` is the discard port, so nothing leaves the machine."""

_MASTER = """\
{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
pickup unix n - n 60 1 pickup
tlsmgr unix - - n - 1 tlsmgr
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
"""As Postfix installs it, without chroot, and without the services that nothing here asks."""


@dataclass(frozen=True, slots=True)
class Postfix:
    """A running instance. Mails are in the order of their arrival."""

    address: Address
    folder: Path
    machine: tuple[str, ...] = ()

    @property
    def configuration(self) -> Path:
        return self.folder / "etc"

    def log(self) -> list[str]:
        """The lines of its log; empty before the first."""
        file = self.folder / "mail.log"
        return file.read_text(errors="replace").splitlines() if file.exists() else []

    async def command(self, name: str, *arguments: str) -> None:
        """One of Postfix's own commands, on this instance. AssertionError with what it said, if it fails."""
        await self._run(name, "-c", str(self.configuration), *arguments)

    async def hand_in(self, sender: str, recipients: Sequence[str], content: bytes) -> None:
        """As programs of its machine hand in mail: sendmail, which takes either line end."""
        await self._run("sendmail", "-C", str(self.configuration), "-i", "-f", sender, *recipients, given=content)

    async def logs(self, words: str, count: int = 1) -> list[str]:
        """The log's lines with these words, once there are so many."""

        def own() -> list[str]:
            return [line for line in self.log() if words in line]

        async def there() -> bool:
            return len(own()) >= count

        await until(there, _SECONDS)
        return own()

    async def _run(self, name: str, *arguments: str, given: bytes = b"") -> None:
        command = [*self.machine, located(name), *arguments]
        done = await run(command[0], *command[1:], given=given)
        assert done.status == 0, done.said

    def mails(self) -> list[bytes]:
        """Everything delivered so far; Postfix writes LF, and puts three fields in front."""
        kept = sorted((self.folder / "boxes" / "all" / "new").glob("*"), key=lambda path: path.stat().st_mtime_ns)
        return [path.read_bytes() for path in kept]

    def mails_to(self, address: str) -> list[bytes]:
        """Those of one recipient."""
        return [mail for mail in self.mails() if f"\nDelivered-To: {address}\n".encode() in b"\n" + mail]

    async def delivered(self, to: str, count: int = 1) -> list[bytes]:
        """The mails of one recipient, once there are so many."""

        async def there() -> bool:
            return len(self.mails_to(to)) >= count

        await until(there, _SECONDS)
        return self.mails_to(to)


@asynccontextmanager
async def postfix(
    address: Address | None = None,
    settings: Mapping[str, object] = MappingProxyType({}),
    machine: Sequence[str] = (),
) -> AsyncIterator[Postfix]:
    """Start an instance, and end it with the block.

    It takes mail at `address`, or at a free one of loopback. `settings` are main.cf's, and go before those above. `machine` is a
    command line that runs another one elsewhere (lab.topology.build.command_in).
    """
    folder = Path(tempfile.mkdtemp(prefix="srxlab-postfix-"))
    try:
        made = Postfix(address or free_address(), folder, tuple(machine))
        _configure(made, settings)
        await made.command("postfix", "start")  # returns when the ports are open (master -w)
        try:
            yield made
        finally:
            await made.command("postfix", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _configure(made: Postfix, settings: Mapping[str, object]) -> None:
    folder, owner = made.folder, pwd.getpwnam("postfix")
    folder.chmod(0o755)
    for name in ("etc", "queue", "data", "boxes"):
        (folder / name).mkdir()
    for name in ("data", "boxes"):
        os.chown(folder / name, owner.pw_uid, owner.pw_gid)
    values = {"folder": folder, "domain": DOMAIN, "uid": owner.pw_uid, "gid": owner.pw_gid, "host": made.address.host}
    usual = dict(line.split(" =", 1) for line in _MAIN.format(**values).splitlines())
    wanted = usual | {name: f" {value}" for name, value in settings.items()}
    made.configuration.joinpath("main.cf").write_text("".join(f"{name} ={text}\n" for name, text in wanted.items()))
    made.configuration.joinpath("master.cf").write_text(_MASTER.format(port=made.address))
