"""Builds a network out of namespaces, enters them, and takes them down. Needs root (unshare -Urnm gives as much)."""

import asyncio
import ctypes
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from lab.programs import located
from lab.topology.hosts import Network, setting_up

_NEW_NETWORK: Final = 0x40000000
"""sched.h: CLONE_NEWNET."""
_SWITCHES: Final = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")


class CannotBuild(Exception):
    """This machine makes no such network; the text is what `ip` said."""


@asynccontextmanager
async def built(network: Network) -> AsyncIterator[Network]:
    """The network, until the block ends. Raises CannotBuild, and ProgramMissing without iproute2."""
    try:
        await _ip("-batch", "-", text=network.beginning())
        for host in network.hosts:
            await _ip("-netns", network.namespace(host.name), "-batch", "-", text=setting_up(host))
            if host.forwards:
                _forward(network.namespace(host.name))
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


def _forward(namespace: str) -> None:
    """/proc shows the switches of the thread's own namespace."""
    with inside(namespace):
        for name in _SWITCHES:
            (Path("/proc/sys") / name.replace(".", "/")).write_text("1")


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
