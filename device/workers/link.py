"""The line between parent and worker: JSON objects, one a line, over a Unix socket pair that nobody else has.

    parent → worker   {"settings": …}               once, first of all
                      {"do": "count"}               say what you have counted
                      {"do": "refresh" | "renewed"} read the identity from disk: it may be another one | has a new certificate
                      {"do": "retire" | "stop"}     no more clients; let sessions end by themselves | end them, politely
    worker → parent   {"ready": true}               clients may come
                      {"failed": {…}}               why not
                      {"counters": {…}, "policy_revision": …}   in answer to count, and as the last word

Whoever finds the line at its end is alone: a worker stops, a parent starts another one.
"""

import asyncio
import json
import socket
from typing import Any, Self

from device.errors import DeviceError, WorkerFailed, WrongSetting


class Link:
    """One end of the line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Self:
        """The line over this end of the pair, which it owns from now on."""
        return cls(*await asyncio.open_unix_connection(sock=end))

    def say(self, **told: Any) -> None:
        """Tell the other side; where it is gone, hear() says so."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(told).encode() + b"\n")

    async def hear(self) -> dict[str, Any] | None:
        """What the other side says next; None once there is nobody."""
        try:
            line = await self._reader.readline()
        except OSError:
            return None
        heard: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
        return heard

    def hang_up(self) -> None:
        """Hear nothing more."""
        self._reader.feed_eof()

    async def close(self) -> None:
        """Let the last word get through, and end the line."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return


def as_told(error: DeviceError) -> dict[str, Any]:
    """An error of the device's start as it goes over the line."""
    return {"sentence": error.sentence, "next_step": error.next_step, "wrong_setting": isinstance(error, WrongSetting)}


def as_error(told: dict[str, Any]) -> DeviceError:
    """And back: to the person at the device it is the same sentence with the same exit code."""
    kind = WrongSetting if told["wrong_setting"] else WorkerFailed
    return kind(told["sentence"], next_step=told["next_step"])
