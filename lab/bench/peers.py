"""What is measured: ways to one smtp-sink. None stands between, then nginx, then the device.

nginx (stream module, one worker) copies bytes between two sockets and looks at none of them: what any relay costs at the least.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cloud.address import Address
from lab.programs import is_there, serving, smtp_sink
from lab.site import free_address, site

DIRECT: Final = "direct"
NGINX: Final = "nginx stream"
DEVICE: Final = "device"

_STREAM_MODULE: Final = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
_CONFIGURATION: Final = """\
load_module {module};
daemon off;
pid {folder}/nginx.pid;
worker_processes 1;
events {{ worker_connections 4096; }}
stream {{ server {{ listen {listen} backlog=1024; proxy_pass {server}; tcp_nodelay on; }} }}
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A way to the sink: where it begins, and whose processor time it costs; None: nobody's. A device has a state folder."""

    name: str
    address: Address
    pid: int | None = None
    state: Path | None = None


@asynccontextmanager
async def peers(folder: Path) -> AsyncIterator[list[Peer]]:
    """Start them all, the reference first. Raises ProgramMissing where there is no smtp-sink; without nginx it is left out."""
    async with AsyncExitStack() as parts:
        sink = await parts.enter_async_context(smtp_sink(folder / "sink.log"))
        started = [Peer(DIRECT, sink.address)]
        if is_there("nginx") and _STREAM_MODULE.exists():
            started.append(await parts.enter_async_context(_nginx(folder, sink.address)))
        made = await parts.enter_async_context(site(folder, sink.address))
        assert made.device is not None
        yield [*started, Peer(DEVICE, made.smtp, made.device.pid, made.device_state)]


def named(name: str, peers: Iterable[Peer]) -> Peer:
    """The one of that name."""
    return next(peer for peer in peers if peer.name == name)


@asynccontextmanager
async def _nginx(folder: Path, server: Address) -> AsyncIterator[Peer]:
    listen = free_address()
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(module=_STREAM_MODULE, folder=folder, listen=listen, server=server), encoding="utf-8"
    )
    log = folder / "nginx.log"
    async with serving(listen, "nginx", "-p", folder, "-c", configuration, "-e", "stderr", log=log) as pid:
        yield Peer(NGINX, listen, pid)
