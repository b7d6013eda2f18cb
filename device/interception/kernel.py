"""Hands our rules to the kernel and takes them back, by way of `nft` and `ip`. Needs root, or CAP_NET_ADMIN."""

import asyncio
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from device.errors import CannotIntercept
from device.interception import rules
from device.interception.rules import Ours, Rules
from device.smtp.intake import Endpoint

_PATH: Final = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
_PACKAGES: Final = {"nft": "nftables", "ip": "iproute2"}
_FORWARDING: Final = {
    "IPv4": Path("/proc/sys/net/ipv4/ip_forward"),
    "IPv6": Path("/proc/sys/net/ipv6/conf/all/forwarding"),
}
_FAMILIES: Final = {socket.AF_INET: "-4", socket.AF_INET6: "-6"}
_IPV6_TRANSPARENT: Final = 75
"""linux/in6.h; Python's socket module names only IPv4's, and that from 3.14."""
_IP_TRANSPARENT: Final = 19
_SECONDS: Final = 30.0
_PROBED: Final = Ours("srx_probe", 0x53000000, 10_000)


@dataclass(frozen=True, slots=True)
class _Ended:
    status: int
    out: str
    err: str


async def install(wanted: Rules) -> None:
    """Mail is intercepted from now on. Idempotent. Raises CannotIntercept; then all is gone, but for a refusal from before."""
    families = {socket.AF_INET6 if ":" in each.host else socket.AF_INET for each in wanted.listeners}
    try:
        await _forget_routes(wanted.ours)
        for family in families:
            _must(await _run("ip", _FAMILIES[family], "-batch", "-", text=rules.route_in(wanted.ours)))
        _must(await _run("nft", "-f", "-", text=wanted.install()))
    except CannotIntercept:
        await withdraw(wanted.ours)
        raise


async def withdraw(ours: Ours, *, let_pass: bool = False) -> bool:
    """Take our rules back; whether there were any. What a device that fails closed refuses stays so, unless `let_pass`."""
    found = await _run("nft", "list", "table", "inet", ours.name)
    if found.status == 0:
        block = rules.BLOCK_CHAIN in found.out and not let_pass
        _must(await _run("nft", "-f", "-", text=rules.leave_block(ours) if block else rules.remove(ours)))
    await _forget_routes(ours)
    return found.status == 0


async def obstacle() -> str | None:
    """Why this machine can't intercept transparently; None where it can."""
    if (reason := _without_asking_the_kernel()) is not None:
        return reason
    probe = Rules(_PROBED, (25,), (Endpoint("127.0.0.1", 1),), rules.WhenStopped.BLOCK)
    checked = await _run("nft", "--check", "-f", "-", text=probe.install())
    return None if checked.status == 0 else f"the kernel takes no such rules: {_first_line(checked.err)}"


def may_change() -> bool:
    """Whether this process could have rules in the kernel at all."""
    return _without_asking_the_kernel() is None


def _without_asking_the_kernel() -> str | None:
    """The obstacles that show without running a program."""
    for tool, package in _PACKAGES.items():
        if shutil.which(tool, path=_PATH) is None:
            return f"{tool} is missing (package {package})"
    try:
        transparent_socket(socket.AF_INET).close()
    except PermissionError:
        return "it needs root, or the capability CAP_NET_ADMIN"
    except OSError as error:
        return f"the kernel has no IP_TRANSPARENT: {error.strerror}"
    return None


def not_forwarding() -> list[str]:
    """The families that this machine doesn't forward: there, nothing but mail gets through."""
    return [family for family, switch in _FORWARDING.items() if switch.exists() and switch.read_text().strip() == "0"]


def transparent_socket(family: socket.AddressFamily) -> socket.socket:
    """A socket that may have an address of somebody else. OSError, if the kernel or the privilege says no."""
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, _IPV6_TRANSPARENT, 1)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        else:
            made.setsockopt(socket.IPPROTO_IP, _IP_TRANSPARENT, 1)
    except OSError:
        made.close()
        raise
    return made


async def _forget_routes(ours: Ours) -> None:
    """Each line may find nothing to remove, and says so: that is no failure."""
    for family in _FAMILIES.values():
        await _run("ip", family, "-force", "-batch", "-", text=rules.route_out(ours))


async def _run(tool: str, *arguments: str, text: str = "") -> _Ended:
    found = shutil.which(tool, path=_PATH)
    if found is None:
        raise CannotIntercept(f"{tool} is missing", next_step=f"Install the package {_PACKAGES[tool]}.")
    return await asyncio.to_thread(_run_to_its_end, [found, *arguments], text)


def _run_to_its_end(command: list[str], text: str) -> _Ended:
    """In a thread: uvloop's own pipe raises where a program ends before its input is written (seen once in some hundred runs)."""
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, check=False, timeout=_SECONDS)  # noqa: S603 nft and ip, with text of ours
    except subprocess.TimeoutExpired:
        return _Ended(1, "", f"{command[0]} does not come to an end")
    return _Ended(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def _must(ended: _Ended) -> None:
    if ended.status:
        raise CannotIntercept(
            f"the kernel does not take the device's rules: {_first_line(ended.err)}",
            next_step="Run it as root, or in explicit mode (--intercept explicit).",
        )


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[0]
