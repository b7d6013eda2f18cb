"""The position of a bridge: client and server are in one network, and mail is taken from the frames between them."""

import json
from pathlib import Path
from typing import Any, Final

from device.errors import CannotIntercept
from device.interception import kernel, while_running
from device.interception.bridge_rules import NEWCOMERS, Bridge, BridgeRules
from device.interception.programs import must, run
from device.interception.rules import Ours, Rules, WhenStopped
from device.interception.while_running import LOST, OwnedTable
from device.smtp.intake import Endpoint

_PORTS: Final = 2
_SETTINGS: Final = Path("/proc/sys/net")
_PROBE: Final = Bridge("bridge", "02:00:00:00:00:01", ("one", "other"))
_FAMILIES: Final = ("IPv4", "IPv6")


async def find(wanted: str | None) -> Bridge:
    """The bridge of that name, or the only one with two ports. Raises CannotIntercept, also where it can't be used."""
    links = await _links("type", "bridge")
    found = [await _bridge(link) for link in links if wanted in (None, link["ifname"])]
    fitting = [each for each in found if len(each.ports) == _PORTS]
    if len(fitting) != 1:
        raise CannotIntercept(_which(wanted, len(found), len(fitting)), next_step="Name one with --bridge NAME.")
    [link] = [link for link in links if link["ifname"] == fitting[0].name]
    _refuse_unusable(link)
    return fitting[0]


async def obstacle(wanted: str | None) -> str | None:
    """Why this machine can't intercept in a bridge; None where it can."""
    if (reason := await kernel.obstacle()) is not None:
        return reason
    rules = BridgeRules.of(_PROBE, Rules(kernel.PROBED, (25,), (Endpoint("127.0.0.1", 1),)))
    reason = await kernel.untaken(while_running.table("bridge", kernel.PROBED.name, rules.while_running()))
    if reason is None:
        try:
            await find(wanted)
        except CannotIntercept as error:
            return error.sentence
    return reason


class Bridged:
    """A transparent.Position, in the bridge of that name, or in the only one."""

    def __init__(self, ours: Ours, ports: tuple[int, ...], when_stopped: WhenStopped, bridge: str | None) -> None:
        self.mark = ours.outward
        self.ports = ports
        self._ours = ours
        self._when_stopped = when_stopped
        self._wanted = bridge
        self._bridge = _PROBE
        self._taking = OwnedTable("bridge", ours.name)

    async def lead_here(self, listeners: tuple[Endpoint, ...]) -> None:
        """What the IP stack has to do, then what leads frames into it. Raises CannotIntercept."""
        self._bridge = await find(self._wanted)
        routed = Rules(self._ours, self.ports, listeners, self._when_stopped)
        rules = BridgeRules.of(self._bridge, routed)
        await kernel.install(self._ours, rules.standing())
        await self._taking.begin(rules.while_running())

    async def let_go(self) -> None:
        """New connections are bridged, or dropped where the device is to fail closed."""
        await self._taking.empty(NEWCOMERS)

    async def leave(self, *, let_pass: bool) -> None:
        """Take the rules back."""
        await self._taking.end()
        await kernel.withdraw(self._ours, let_pass=let_pass)

    def told(self) -> dict[str, str]:
        """For `srx show status`."""
        return {
            "interception": "bridge",
            "bridge": f"{self._bridge.name} ({' and '.join(self._bridge.ports)})",
            "when_stopped": self._when_stopped.value,
            "rules": self._ours.name,
        }

    def warnings(self, families: list[str]) -> list[str]:
        """What isn't inspected."""
        if self._taking.lost:
            return [LOST]
        return [
            f"This machine has no {family}: mail over it is not inspected."
            for family in _FAMILIES
            if family not in families
        ]


async def _bridge(link: dict[str, Any]) -> Bridge:
    ports = [port["ifname"] for port in await _links("master", link["ifname"])]
    return Bridge(link["ifname"], link["address"], tuple(ports))


async def _links(*which: str) -> list[dict[str, Any]]:
    """Interfaces as `ip` tells them."""
    told = must(await run("ip", "-details", "-json", "link", "show", *which))
    return [link for link in json.loads(told.out or "[]") if "ifname" in link]


def _which(wanted: str | None, found: int, fitting: int) -> str:
    if fitting:
        return "this machine has several bridges of two ports"
    if wanted is not None:
        return f"the bridge {wanted} has not two ports" if found else f"this machine has no bridge {wanted}"
    return "this machine has no bridge of two ports"


def _refuse_unusable(link: dict[str, Any]) -> None:
    """Raises CannotIntercept, where a setting of the machine's, which isn't ours to change, stands in the way."""
    name = link["ifname"]
    info = link["linkinfo"]["info_data"]
    if link["operstate"] == "DOWN" and "UP" not in link["flags"]:
        raise CannotIntercept(f"the bridge {name} is down", next_step=f"ip link set {name} up")
    for table in ("iptables", "ip6tables"):
        if _number(f"bridge/bridge-nf-call-{table}") or info.get(f"nf_call_{table}"):
            raise CannotIntercept(
                f"bridged frames go through {table} here, and would be taken twice",
                next_step=f"sysctl net.bridge.bridge-nf-call-{table}=0",
            )
    if max(_number(f"ipv4/conf/{each}/rp_filter") for each in ("all", name)):
        raise CannotIntercept(
            f"the machine takes only packets that it could answer by its own routes (rp_filter), {name} included",
            next_step=f"sysctl net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.{name}.rp_filter=0",
        )


def _number(setting: str) -> int:
    """0 where the kernel has no such setting."""
    path = _SETTINGS / setting
    return int(path.read_text()) if path.exists() else 0
