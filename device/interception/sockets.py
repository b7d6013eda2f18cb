"""Listening sockets before anybody listens: one address, bound once, or once for each process that shares it.

With SO_REUSEPORT every process has a socket of its own on the same port, and the kernel chooses among them by the connection's
four numbers (socket(7)). The kernel lets any process of the same user join in; so the first to bind asks for the address alone.
"""

import socket

from device.smtp.intake import Endpoint


def bound_sockets(address: Endpoint, *, shared: bool, first: bool) -> list[socket.socket]:
    """A socket for each address that the name stands for, all on one port. OSError, if it can't be had.

    `first`: nobody may be there yet, be it a process that would share the port.
    """
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    port = address.port
    try:
        for family, _, _, _, place in dict.fromkeys(found):
            at = (place[0], port, *place[2:])
            if first and shared and port:
                bound_socket(family, at, shared=False).close()
            bound.append(bound_socket(family, at, shared=shared))
            port = bound[0].getsockname()[1]
    except OSError:
        for each in bound:
            each.close()
        raise
    return bound


def bound_socket(family: int, at: tuple[str | int, ...], *, shared: bool) -> socket.socket:
    """One, as the kernel makes them. OSError, if it can't be had."""
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setblocking(False)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return bind(made, at, shared=shared)


def bind(made: socket.socket, at: tuple[str | int, ...], *, shared: bool) -> socket.socket:
    """The same socket, bound. OSError, if the address can't be had; then it is closed."""
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(at)
    except OSError:
        made.close()
        raise
    return made
