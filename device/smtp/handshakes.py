"""Both handshakes of a session: the server's runs between the client's ClientHello and our answer to it.

So the client's SNI reaches the server, and the client gets TLS only from a device that has tried the server. A server that
can't be secured is told to the client inside of TLS (421): a broken handshake would send many mailers back in plain text.
"""

import asyncio

import structlog

from device.smtp.events import ClientLost, Secured, ServerNotSecured
from device.smtp.leg import Leg
from device.tls.encryption import Encryption


async def secure_both(
    client: Leg, server: Leg, encryption: Encryption, server_host: str, seconds: float
) -> Secured | ServerNotSecured | ClientLost:
    """What became of it, for the session. Each step may take that many seconds."""
    try:
        async with asyncio.timeout(seconds):
            name = encryption.name_meant(await client.hello(encryption.hello_reader()), server_host)
        verified = await _secured(server, encryption, name, seconds)
        async with asyncio.timeout(seconds):
            await client.secure(encryption.for_client(name))
    except (OSError, ValueError) as error:
        structlog.get_logger().warning("client.not-secured", error=_why(error))
        client.drop()
        return ClientLost()
    return ServerNotSecured() if verified is None else Secured(verified)


async def _secured(server: Leg, encryption: Encryption, name: str, seconds: float) -> bool | None:
    """Whether the server proved to be that name; None, if it is not to be spoken with."""
    try:
        layer = encryption.for_server(name)
        async with asyncio.timeout(seconds):
            await server.secure(layer)
    except (OSError, ValueError) as error:
        structlog.get_logger().warning("server.not-secured", name=name, error=_why(error))
        server.abort()
        return None
    return encryption.verified(layer, name)


def _why(error: OSError | ValueError) -> str:
    """OpenSSL's word for it, or the error's name: a peer's own words stay out of the log."""
    reason = getattr(error, "verify_message", None) or getattr(error, "reason", None)
    return str(reason or type(error).__name__)
