"""Hands our rules to the kernel and takes them back, by way of `nft` and `ip`. Needs root, or CAP_NET_ADMIN."""

import socket
from pathlib import Path
from typing import Final

from device.errors import CannotIntercept
from device.interception import bridge_rules, programs, rules
from device.interception.programs import must, run
from device.interception.rules import Ours, Rules, Standing
from device.smtp.intake import Endpoint

_FORWARDING: Final = {
    "IPv4": Path("/proc/sys/net/ipv4/ip_forward"),
    "IPv6": Path("/proc/sys/net/ipv6/conf/all/forwarding"),
}
_IPV6_TRANSPARENT: Final = 75
"""linux/in6.h; Python's socket module names only IPv4's, and that from 3.14."""
_IP_TRANSPARENT: Final = 19
_TABLE_FAMILIES: Final = ("inet", "bridge")
PROBED: Final = Ours("srx_probe", 0x53000000, 10_000)
"""Whose rules are shown to the kernel only to hear whether it would take them."""


async def install(ours: Ours, wanted: Standing) -> None:
    """This stands from now on, and nothing else of ours. Raises CannotIntercept; then all is gone, but for a refusal."""
    try:
        await _forget_routes(ours)
        for version, lines in wanted.routes.items():
            must(await run("ip", f"-{version}", "-batch", "-", text=lines))
        must(await run("nft", "-f", "-", text=wanted.install(ours)))
        for family in set(_TABLE_FAMILIES) - wanted.chains.keys():
            await _remove(ours, family)
    except CannotIntercept:
        await withdraw(ours)
        raise


async def withdraw(ours: Ours, *, let_pass: bool = False) -> bool:
    """Take our rules back; whether there were any. What a device that fails closed refuses stays so, unless `let_pass`."""
    found = [await _withdraw_table(ours, family, let_pass=let_pass) for family in _TABLE_FAMILIES]
    await _forget_routes(ours)
    return any(found)


async def _withdraw_table(ours: Ours, family: str, *, let_pass: bool) -> bool:
    found = await run("nft", "list", "table", family, ours.name)
    if found.status == 0 and (let_pass or rules.BLOCK_CHAIN not in found.out):
        await _remove(ours, family)
    elif found.status == 0 and family == "inet":
        must(await run("nft", "-f", "-", text=rules.leave_block(ours)))
    return found.status == 0


async def _remove(ours: Ours, family: str) -> None:
    """Nothing to do where the kernel has no such tables at all."""
    if (await run("nft", "list", "table", family, ours.name)).status == 0:
        must(await run("nft", "-f", "-", text=rules.remove(ours, family)))


async def obstacle() -> str | None:
    """Why this machine can't intercept transparently; None where it can."""
    if (reason := unprivileged()) is not None:
        return reason
    try:
        transparent_socket(socket.AF_INET).close()
    except OSError as error:
        return f"the kernel has no IP_TRANSPARENT: {error.strerror}"
    probe = Rules(PROBED, (25,), (Endpoint("127.0.0.1", 1),), rules.WhenStopped.BLOCK)
    return await untaken(probe.standing().install(PROBED))


async def untaken(text: str) -> str | None:
    """Why the kernel would not take these rules; None where it would."""
    checked = await run("nft", "--check", "-f", "-", text=text)
    return None if checked.status == 0 else f"the kernel takes no such rules: {programs.first_line(checked.err)}"


def may_change() -> bool:
    """Whether this process could have rules in the kernel at all."""
    return unprivileged() is None


def unprivileged() -> str | None:
    """Why this process could have no rules in the kernel at all; asked without running a program."""
    if (reason := programs.missing()) is not None:
        return reason
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 0)
    except OSError:
        return "it needs root, or the capability CAP_NET_ADMIN"
    return None


def not_forwarding() -> list[str]:
    """The families that this machine doesn't forward: there, nothing but mail gets through."""
    return [family for family, switch in _FORWARDING.items() if switch.exists() and switch.read_text().strip() == "0"]


def transparent_socket(family: socket.AddressFamily, mark: int = 0) -> socket.socket:
    """A socket that may have an address of somebody else; its packets carry `mark`. OSError, if the kernel says no."""
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if mark:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
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
    for version in (4, 6):
        lines = rules.route_out(ours) + bridge_rules.forget_gateway(ours, version)
        await run("ip", f"-{version}", "-force", "-batch", "-", text=lines)
