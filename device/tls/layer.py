"""One leg's TLS without a socket: ciphertext in, plain text out, and the other way round.

asyncio's own TLS keeps 256 KB of read buffer a connection; OpenSSL's memory buffers hold what is on its way and no more.
"""

import ssl
from collections.abc import Iterable
from typing import Final

READ: Final = 65_536
"""Plain text taken in one go; four records."""


class Layer:
    """TLS between a wire and a reader. ssl.SSLError, if the peer breaks it or does not prove who it is."""

    def __init__(self, context: ssl.SSLContext, *, server_side: bool, server_name: str | None = None) -> None:
        self.done = False
        self.ended = False
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_name
        )

    @property
    def peer_chain(self) -> list[bytes]:
        """The peer's certificates as it sent them, DER, its own first. Whoever signed them."""
        chain = self._tls._sslobj.get_unverified_chain()  # type: ignore[attr-defined]  # noqa: SLF001 public from 3.13 on
        return [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in chain or []]

    def receive(self, data: bytes) -> bytes:
        """What the wire brought; gives the plain text in it. Begins the handshake where nothing was received yet."""
        self._incoming.write(data)
        if not self.done:
            self._shake()
        return self._read() if self.done else b""

    def send(self, pieces: Iterable[bytes]) -> None:
        """Plain text for the peer; take() has it encrypted."""
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                rest = rest[self._tls.write(rest) :]

    def take(self) -> bytes:
        """What has to go on the wire."""
        return self._outgoing.read()

    def say_goodbye(self) -> None:
        """Nothing more is sent (close_notify); take() has it."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            # The peer's own goodbye is not waited for, and one that broke TLS gets none.
            return

    def _shake(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        self.done = True

    def _read(self) -> bytes:
        pieces = []
        try:
            while piece := self._tls.read(READ):
                pieces.append(piece)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        return b"".join(pieces)


class HelloReader:
    """Reads the server name out of a ClientHello before anybody answers it (SNI, RFC 6066, section 3). TLS 1.2 and newer."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        assert isinstance(tls, _Heard)
        self._tls = tls

    @property
    def complete(self) -> bool:
        """Whether the ClientHello has come to its end."""
        return self._tls.heard

    @property
    def server_name(self) -> str | None:
        """Whom the client means; None, if it doesn't say."""
        return self._tls.name

    def feed(self, data: bytes) -> None:
        """More of it. ssl.SSLError, if it is none."""
        self._incoming.write(data)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError:
            if not self.complete:
                raise

    def alert(self) -> bytes:
        """After an error: what the client is told, so that it knows why (an old one: protocol_version)."""
        return self._outgoing.read()


def hello_context() -> ssl.SSLContext:
    """For any number of HelloReaders.

    One each, whose callback knows its reader, would never be freed: the garbage collector does not find such a circle (seen with
    Python 3.11), and each is 58 KB.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslobject_class = _Heard
    context.sni_callback = _hear
    return context


class _Heard(ssl.SSLObject):
    """One client's handshake, as far as its ClientHello."""

    heard = False
    name: str | None = None


def _hear(tls: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int:
    assert isinstance(tls, _Heard)
    tls.heard, tls.name = True, name
    return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
