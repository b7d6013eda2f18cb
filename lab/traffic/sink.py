"""A mail server that takes everything and keeps nothing, in a process of its own: smtp-sink with STARTTLS.

    python -m lab.traffic.sink --ca FOLDER --name mail.example.net

prints one JSON line, `{"smtp": "HOST:PORT"}`, and serves until it is terminated. Its certificate is for that name,
signed by the CA in that folder (device.tls.authority).
"""

import argparse
import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, cast

import uvloop

from cloud.address import Address
from cloud.clock import system_clock
from device.tls.authority import InspectionAuthority
from lab.processes import running
from lab.serving import bound, serving_streams
from lab.waiting import interrupted

_END: Final = b"\r\n.\r\n"
_REPLIES: Final = {
    b"HELO": b"250 mail.example.net\r\n",
    b"EHLO": b"250-mail.example.net\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 STARTTLS\r\n",
    b"MAIL": b"250 2.1.0 Ok\r\n",
    b"RCPT": b"250 2.1.5 Ok\r\n",
    b"RSET": b"250 2.0.0 Ok\r\n",
    b"NOOP": b"250 2.0.0 Ok\r\n",
    b"DATA": b"354 End data with <CR><LF>.<CR><LF>\r\n",
    b"QUIT": b"221 2.0.0 Bye\r\n",
    b"STARTTLS": b"220 2.0.0 Ready to start TLS\r\n",
}


@asynccontextmanager
async def encrypting_sink(authority: Path, name: str, log: Path) -> AsyncIterator[Address]:
    """Run one until the block ends."""
    arguments = [sys.executable, "-m", "lab.traffic.sink", "--ca", str(authority), "--name", name]
    async with running(arguments, log, {}) as process:
        yield Address.parse(process.ready["smtp"])


class Swallowing(asyncio.Protocol):
    """One session. `encrypt` takes the transport when the client has said STARTTLS."""

    def __init__(self, encrypt: "Callable[[Swallowing, asyncio.Transport], None]") -> None:
        self._encrypt = encrypt
        self._transport: asyncio.Transport | None = None
        self._pending = b""
        self._in_message = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(b"220 mail.example.net ESMTP\r\n")

    def encrypted(self, transport: asyncio.Transport) -> None:
        """The handshake is done: from now on over this transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Commands are answered; of a message no more is kept than its end may need."""
        self._pending += data
        while self._pending and (self._swallow() if self._in_message else self._answer()):
            pass

    def _swallow(self) -> bool:
        """Whether the message's end was in what has come."""
        end = self._pending.find(_END)
        if end < 0:
            self._pending = self._pending[-len(_END) + 1 :]
            return False
        self._pending = self._pending[end + len(_END) :]
        self._in_message = False
        self._write(b"250 2.0.0 Ok\r\n")
        return True

    def _answer(self) -> bool:
        """Whether a whole command had come."""
        line, found, rest = self._pending.partition(b"\r\n")
        if not found:
            return False
        verb = line.partition(b" ")[0].upper()
        self._pending = rest
        self._write(_REPLIES.get(verb, b"500 5.5.2 Unknown\r\n"))
        assert self._transport is not None
        if verb == b"DATA":
            self._in_message, self._pending = True, b"\r\n" + rest  # an empty message ends with its first line
        elif verb == b"QUIT":
            self._transport.close()
        elif verb == b"STARTTLS":
            self._pending = b""
            self._encrypt(self, self._transport)
        return True

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)


async def _serve(authority: Path, name: str) -> None:
    context = InspectionAuthority(authority, system_clock).context_for(name)
    async with asyncio.TaskGroup() as tasks:

        def encrypt(session: Swallowing, transport: asyncio.Transport) -> None:
            tasks.create_task(_encrypt(session, transport, context))

        async with serving_streams(partial(Swallowing, encrypt), bound(Address("127.0.0.1", 0))) as address:
            print(json.dumps({"smtp": str(address)}), flush=True)
            await interrupted()


async def _encrypt(session: Swallowing, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
    """A handshake that fails has ended its connection, and nothing more."""
    loop = asyncio.get_running_loop()
    try:
        encrypted = await loop.start_tls(transport, session, context, server_side=True)
    except (OSError, ssl.SSLError):
        return
    if encrypted is not None:
        session.encrypted(encrypted)


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description="Takes mail and keeps nothing; offers STARTTLS.")
    parser.add_argument("--ca", type=Path, required=True, help="Folder of the CA; made on first use.")
    parser.add_argument("--name", required=True, help="The name that the certificate is for.")
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(options.ca, options.name))


if __name__ == "__main__":
    main()
