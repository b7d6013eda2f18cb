"""How the server learns who the client is, where the connection itself doesn't tell.

PROXY protocol: haproxy's proxy-protocol.txt, versions 1 (a line of text) and 2 (binary), in front of everything.
XCLIENT: Postfix' XCLIENT_README: a command after an EHLO of our own, upon which the server greets anew.
"""

import struct
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from device.smtp.intake import Endpoint, Peers
from device.smtp.reply import Reply

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
"""What version 2 starts with; no other protocol does."""


OWN_NAME: Final = b"srx.invalid"
"""What the device calls itself where no client has said a name yet (RFC 2606)."""


class ClientAddress(StrEnum):
    """The means. HIDDEN: the server takes every client for the device."""

    HIDDEN = "hidden"
    PROXY = "proxy"
    PROXY_V2 = "proxy-v2"
    XCLIENT = "xclient"


def header_of(means: ClientAddress, peers: Peers) -> bytes:
    """What goes to the server in front of everything; often nothing."""
    match means:
        case ClientAddress.PROXY:
            return _version_1(peers.client, peers.server)
        case ClientAddress.PROXY_V2:
            return _version_2(peers.client, peers.server)
        case ClientAddress.HIDDEN | ClientAddress.XCLIENT:
            return b""


def xclient_attributes(reply: Reply) -> frozenset[bytes]:
    """The attributes that the server's EHLO lets XCLIENT name; empty if it isn't offered."""
    for line in reply.lines[1:]:
        keyword, *attributes = line.upper().split() or [b""]
        if keyword == b"XCLIENT":
            return frozenset(attributes)
    return frozenset()


def xclient_command(peers: Peers, attributes: frozenset[bytes]) -> bytes:
    """XCLIENT with what the server takes of the client's address."""
    address = _plain(peers.client.host)
    named = b"IPV6:" + address.encode() if ":" in address else address.encode()
    values = {b"ADDR": named, b"PORT": b"%d" % peers.client.port}
    return b" ".join([b"XCLIENT", *(name + b"=" + value for name, value in values.items() if name in attributes)])


def _version_1(client: Endpoint, server: Endpoint) -> bytes:
    family, source, destination = _same_family(client.host, server.host)
    return f"PROXY {family} {source} {destination} {client.port} {server.port}\r\n".encode()


def _version_2(client: Endpoint, server: Endpoint) -> bytes:
    family, source, destination = _same_family(client.host, server.host)
    addresses = ip_address(source).packed + ip_address(destination).packed
    addresses += struct.pack("!HH", client.port, server.port)
    return SIGNATURE + struct.pack("!BBH", 0x21, 0x11 if family == "TCP4" else 0x21, len(addresses)) + addresses


def _same_family(client: str, server: str) -> tuple[str, str, str]:
    """Both addresses in one family, as the header wants them: IPv4 becomes ::ffff:a.b.c.d beside IPv6."""
    source, destination = ip_address(_plain(client)), ip_address(_plain(server))
    if source.version == destination.version:
        return f"TCP{source.version}", str(source), str(destination)
    return "TCP6", _as_ipv6(source), _as_ipv6(destination)


def _as_ipv6(address: IPv4Address | IPv6Address) -> str:
    return str(address) if address.version == 6 else f"::ffff:{address}"


def _plain(host: str) -> str:
    """Without a zone, and IPv4 as IPv4 where a dual-stack socket gave it as ::ffff:a.b.c.d."""
    address = ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
