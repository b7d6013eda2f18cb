"""How a session begins: the server may first learn who the client is, then its greeting is the client's."""

from device.smtp.effects import ToServer
from device.smtp.exchange import Exchange
from device.smtp.introduction import OWN_NAME, ClientAddress, header_of, xclient_attributes, xclient_command
from device.smtp.reply import Reply
from device.smtp.states import Signal


class Greeting:
    """From the connection to the server up to the greeting that the client hears."""

    def __init__(self, exchange: Exchange, introduce: ClientAddress) -> None:
        self._exchange = exchange
        self._introduce = introduce

    def present_client(self) -> None:
        """The connection to the server stands: what goes in front of everything, TLS included."""
        header = header_of(self._introduce, self._exchange.peers)
        if header:
            self._exchange.effects.append(ToServer((header,)))

    def expect(self) -> None:
        """The server speaks next."""
        then = self._ask_for_xclient if self._introduce is ClientAddress.XCLIENT else self._greet
        self._exchange.upstream.expect(then)

    def _greet(self, reply: Reply) -> None:
        """The server's greeting is the client's, a refusal too: it may still say QUIT (RFC 5321, 3.1)."""
        exchange = self._exchange
        if 300 <= reply.code < 400:
            exchange.break_off("server.unexpected-reply")
            return
        exchange.move(Signal.GREETED)
        exchange.downstream.say(reply)
        if reply.code == 421:
            exchange.close()

    def _ask_for_xclient(self, reply: Reply) -> None:
        if reply.code == 220:
            self._exchange.upstream.ask((b"EHLO " + OWN_NAME + b"\r\n",), self._introduce_client)
        else:
            self._greet(reply)

    def _introduce_client(self, reply: Reply) -> None:
        attributes = xclient_attributes(reply) if reply.positive else frozenset()
        if b"ADDR" in attributes:
            command = xclient_command(self._exchange.peers, attributes)
            self._exchange.upstream.ask((command + b"\r\n",), self._introduced)
        else:
            self._exchange.break_off("server.xclient-not-offered")

    def _introduced(self, reply: Reply) -> None:
        """220 is the new greeting; a refusal of ours is not the client's business."""
        if reply.code == 220:
            self._greet(reply)
        else:
            self._exchange.break_off("server.xclient-refused")
