"""A copy of the traffic on an interface: a packet socket that scapy opens, with a filter for the ports that are wanted.

The interface is left as it is: promiscuous mode only where it is asked for, and only until the socket is closed (packet(7),
PACKET_MR_PROMISC). Needs CAP_NET_RAW. Linux puts VLAN tags beside the packet; scapy puts them back into it.
"""

import ctypes
import errno
import logging
import select
import socket
import struct
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

from scapy.arch.linux import L2ListenSocket
from scapy.libs.structures import bpf_insn, sock_fprog

from device.errors import CannotTap, WrongSetting
from device.interception.packets import Frame
from device.interception.port_filter import ACCEPT, port_filter

RECEIVE_BUFFER: Final = 32 * 1024 * 1024
"""Bytes that may wait in the kernel while a large message is being read; without CAP_NET_ADMIN, what net.core.rmem_max allows."""

BATCH: Final = 256
"""Frames that are taken at a time, before anything else has its turn."""

_ATTACH_FILTER: Final = 26
_RECEIVE_BUFFER_FORCE: Final = 33
_SOL_PACKET: Final = 263
_PACKET_STATISTICS: Final = 6
"""asm-generic/socket.h and linux/if_packet.h."""

_LOOPBACK: Final = 772
_LINK_TYPES: Final = {1: 1, _LOOPBACK: 1, 519: 101, 768: 101, 769: 101, 776: 101, 65534: 101}
"""linux/if_arp.h → tcpdump.org/linktypes.html: Ethernet and loopback; raw IP, tunnels and what has no link layer."""


class LiveCapture:
    """Frames as they pass, in both directions. `dropped`: packets that passed the filter and found no room in the kernel."""

    def __init__(self, interface: str, ports: Iterable[int], *, promiscuous: bool) -> None:
        """Raises WrongSetting where there is no such interface, and CannotTap without the privilege."""
        self.dropped = 0
        self._interface = interface
        self._index = _index_of(interface)
        self._capture = _opened(interface, promiscuous=promiscuous)
        self._socket: socket.socket = self._capture.ins
        self._hardware: int = self._socket.getsockname()[3]
        if self._hardware not in _LINK_TYPES:
            self._capture.close()
            raise WrongSetting(
                f"{interface} has a link layer that can't be read (ARPHRD {self._hardware})",
                next_step="Record it with tcpdump, and give the file to srx inspect.",
            )
        _attach(self._socket, ports)
        _enlarge(self._socket)
        self._socket.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._capture.close()

    def frames(self, seconds: float) -> list[Frame]:
        """Up to BATCH frames; waits so long for the first. Raises CannotTap once the interface is gone."""
        readable, _, _ = select.select([self._socket], [], [], seconds)
        taken: list[Frame] = []
        while readable and len(taken) < BATCH:
            try:
                frame = self._frame()
            except BlockingIOError:
                break
            except OSError as error:
                self._survive(error)
                break
            if frame is not None:
                taken.append(frame)
        self._count_dropped()
        return taken

    def _frame(self) -> Frame | None:
        """None for the second sight of a packet: on loopback it is seen going out and coming in."""
        data, address, time = self._capture._recv_raw(self._socket, ACCEPT)  # noqa: SLF001 - recv_raw hides the direction
        if self._hardware == _LOOPBACK and address[2] == socket.PACKET_OUTGOING:
            return None
        return Frame(_LINK_TYPES[self._hardware], data, time or 0.0)

    def _survive(self, error: OSError) -> None:
        """An interface that goes down is told once, and may come up again; one that is removed doesn't."""
        if error.errno != errno.ENETDOWN:
            raise error
        if (self._interface, self._index) not in _interfaces():
            raise CannotTap(f"{self._interface} is gone", next_step="Start again once it is there.") from error

    def _count_dropped(self) -> None:
        """The kernel's counters start anew when they are read."""
        _, dropped = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        self.dropped += dropped


def _interfaces() -> list[tuple[str, int]]:
    return [(name, index) for index, name in socket.if_nameindex()]


def _index_of(interface: str) -> int:
    try:
        return dict(_interfaces())[interface]
    except KeyError as error:
        there = ", ".join(name for name, _ in _interfaces())
        raise WrongSetting(f"there is no interface {interface}", next_step=f"There are: {there}.") from error


def _opened(interface: str, *, promiscuous: bool) -> L2ListenSocket:
    logging.getLogger("scapy").setLevel(logging.CRITICAL)  # it warns of layers that only its own dissection needs
    try:
        return L2ListenSocket(iface=interface, promisc=promiscuous, nofilter=1)
    except PermissionError as error:
        raise CannotTap(
            "watching an interface needs root, or the capability CAP_NET_RAW",
            next_step="Run it as root; or record with tcpdump, and give the file to srx inspect.",
        ) from error


def _attach(watching: socket.socket, ports: Iterable[int]) -> None:
    """What came before the filter is sorted out by who reads it."""
    lines = [bpf_insn(line.code.number, line.if_true, line.if_false, line.k) for line in port_filter(ports)]
    program = (bpf_insn * len(lines))(*lines)
    wanted = sock_fprog(len(lines), ctypes.cast(program, ctypes.POINTER(bpf_insn)))
    watching.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, wanted)


def _enlarge(watching: socket.socket) -> None:
    try:
        watching.setsockopt(socket.SOL_SOCKET, _RECEIVE_BUFFER_FORCE, RECEIVE_BUFFER)
    except PermissionError:
        watching.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
