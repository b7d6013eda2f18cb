"""Builds a network out of namespaces, enters them, and takes them down. Needs root (unshare -Urnm gives as much)."""

import asyncio
import ctypes
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from lab.programs import located
from lab.topology.hosts import Network, setting_up

_NEW_NETWORK: Final = 0x40000000
"""sched.h: CLONE_NEWNET."""
_FORWARDING: Final = {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1}
_BRIDGING: Final = {
    "net.bridge.bridge-nf-call-iptables": 0,
    "net.bridge.bridge-nf-call-ip6tables": 0,
    "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.conf.default.rp_filter": 0,
}
"""A bridge sees its frames first, and has no addresses by which to judge them."""


class CannotBuild(Exception):
    """This machine makes no such network; the text is what `ip` said."""


@asynccontextmanager
async def built(network: Network) -> AsyncIterator[Network]:
    """The network, until the block ends. Raises CannotBuild, and ProgramMissing without iproute2."""
    try:
        await _ip("-batch", "-", text=network.beginning())
        for host in network.hosts:
            _switch(network.namespace(host.name), _FORWARDING if host.forwards else {})
            _switch(network.namespace(host.name), _BRIDGING if host.bridges else {})
            await _ip("-netns", network.namespace(host.name), "-batch", "-", text=setting_up(host))
        yield network
    finally:
        await _ip("-force", "-batch", "-", text=network.end(), may_fail=True)


def command_in(network: Network, host: str, *command: str) -> list[str]:
    """The same command, run on a host of the network."""
    return [located("ip"), "netns", "exec", network.namespace(host), *command]


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """This thread is in the namespace until the block ends; sockets made meanwhile stay there for good."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(Path("/run/netns") / namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(there)
        try:
            yield
        finally:
            _enter(here)
    finally:
        os.close(there)
        os.close(here)


def _enter(descriptor: int) -> None:
    """setns(2); Python has it from 3.12."""
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _NEW_NETWORK):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _switch(namespace: str, switches: Mapping[str, int]) -> None:
    """/proc shows the switches of the thread's own namespace; a kernel without the module has none of its switches."""
    with inside(namespace):
        for name, value in switches.items():
            path = Path("/proc/sys") / name.replace(".", "/")
            if path.exists():
                path.write_text(str(value))


async def _ip(*arguments: str, text: str, may_fail: bool = False) -> None:
    process = await asyncio.create_subprocess_exec(
        located("ip"),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate(text.encode())
    if process.returncode and not may_fail:
        raise CannotBuild(said.decode(errors="replace").strip())
