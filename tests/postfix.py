"""A Postfix of a test's own: configuration, queue, ports and mailboxes in one folder, nothing of the machine's.

It needs root: Postfix changes users, and its own user must reach the folder, so that lies outside of pytest's private ones.
"""

import os
import pwd
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cloud.address import Address
from lab.programs import run
from lab.serving import answers
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
inet_interfaces = 127.0.0.1
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
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
"""Without pickup, flush and tlsmgr: mail comes by SMTP alone, and in the clear."""


@dataclass(frozen=True, slots=True)
class Postfix:
    """A running instance. Mails are in the order of their arrival."""

    address: Address
    folder: Path

    def mails(self) -> list[bytes]:
        """Everything delivered so far; Postfix writes LF, and puts three fields in front."""
        kept = sorted((self.folder / "boxes" / "all" / "new").glob("*"), key=lambda path: path.stat().st_mtime_ns)
        return [path.read_bytes() for path in kept]

    async def delivered(self, to: str, count: int = 1) -> list[bytes]:
        """The mails of one recipient, once there are so many."""

        def own() -> list[bytes]:
            return [mail for mail in self.mails() if f"\nDelivered-To: {to}\n".encode() in b"\n" + mail]

        async def there() -> bool:
            return len(own()) >= count

        await until(there, _SECONDS)
        return own()


@asynccontextmanager
async def postfix() -> AsyncIterator[Postfix]:
    """Start an instance, and end it with the block."""
    folder = Path(tempfile.mkdtemp(prefix="srxlab-postfix-"))
    try:
        made = Postfix(free_address(), folder)
        configuration = _configure(made)
        started = await run("postfix", "-c", configuration, "start")
        assert started.status == 0, started.said
        try:
            await until(lambda: answers(made.address), _SECONDS)
            yield made
        finally:
            await run("postfix", "-c", configuration, "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _configure(made: Postfix) -> Path:
    """Write the configuration; the folder that holds it."""
    folder, owner = made.folder, pwd.getpwnam("postfix")
    folder.chmod(0o755)
    for name in ("etc", "queue", "data", "boxes"):
        (folder / name).mkdir()
    for name in ("data", "boxes"):
        os.chown(folder / name, owner.pw_uid, owner.pw_gid)
    values = {"folder": folder, "domain": DOMAIN, "uid": owner.pw_uid, "gid": owner.pw_gid, "port": made.address}
    (folder / "etc" / "main.cf").write_text(_MAIN.format(**values))
    (folder / "etc" / "master.cf").write_text(_MASTER.format(**values))
    return folder / "etc"
