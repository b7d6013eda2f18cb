"""A session's script: what happens, and what the session must ask for then.

    Play(Session(…)).happens(events.ServerBytes(b"220 …")).asks(effects.ToClient(b"220 …"))

Between two happenings everything that was asked must be named, in order. Neighbouring sends to one side count as one, as they do
on the wire, and so do neighbouring pieces of a message.
"""

from collections.abc import Iterable
from typing import Self

from device.smtp import effects, events
from device.smtp.intake import Endpoint, Peers
from device.smtp.limits import SessionLimits
from device.smtp.session import Session

PEERS = Peers(Endpoint("192.0.2.1", 40000), Endpoint("198.51.100.25", 25))
EHLO_REPLY = b"250-mail.example.net\r\n250-SIZE 1000\r\n250-PIPELINING\r\n250 CHUNKING\r\n"


class Play:
    """One session on stage."""

    def __init__(self, session: Session | None = None) -> None:
        self.session = session or Session(PEERS, SessionLimits(message_size=1000))
        self.asked: list[effects.Effect] = []

    def happens(self, *what: events.Event) -> Self:
        """These events, one after the other. Nothing may be left over that was asked before."""
        assert self.asked == [], f"asked, and not in the script: {self.asked}"
        asked = [effect for event in what for effect in self.session.handle(event)]
        self.asked = coalesced(asked)
        return self

    def asks(self, *expected: effects.Effect) -> Self:
        """Exactly these effects; Notes are for the log, and left out."""
        asked, self.asked = self.asked, []
        assert asked == coalesced(expected)
        return self

    def client(self, *lines: bytes) -> Self:
        """The client sends these lines."""
        return self.happens(events.ClientBytes(b"".join(line + b"\r\n" for line in lines)))

    def server(self, *lines: bytes) -> Self:
        """The server sends these lines."""
        return self.happens(events.ServerBytes(b"".join(line + b"\r\n" for line in lines)))

    def to_client(self, data: bytes) -> Self:
        """Nothing is asked but to send this to the client."""
        return self.asks(effects.ToClient(data))

    def to_server(self, data: bytes) -> Self:
        """Nothing is asked but to send this to the server."""
        return self.asks(effects.ToServer((data,)))


def coalesced(asked: Iterable[effects.Effect]) -> list[effects.Effect]:
    """Without notes, and with what goes to one place joined."""
    out: list[effects.Effect] = []
    for effect in asked:
        last = out[-1] if out else None
        match last, effect:
            case _, effects.Note():
                pass
            case effects.ToClient(before), effects.ToClient(data):
                out[-1] = effects.ToClient(before + data)
            case effects.ToServer(before), effects.ToServer(pieces):
                out[-1] = effects.ToServer((b"".join((*before, *pieces)),))
            case _, effects.ToServer(pieces):
                out.append(effects.ToServer((b"".join(pieces),)))
            case effects.FeedMessage(before), effects.FeedMessage(chunk):
                out[-1] = effects.FeedMessage(before + chunk)
            case _:
                out.append(effect)
    return out


def opened(play: Play) -> Play:
    """The play after greeting and EHLO."""
    play.happens(events.ServerConnected(PEERS.server)).asks()
    play.server(b"220 hi").to_client(b"220 hi\r\n")
    play.client(b"EHLO c").to_server(b"EHLO c\r\n")
    return play.happens(events.ServerBytes(EHLO_REPLY)).to_client(EHLO_REPLY)


def addressed(play: Play) -> Play:
    """The play after MAIL and one RCPT."""
    opened(play)
    play.client(b"MAIL FROM:<a@example.org>", b"RCPT TO:<b@example.net>")
    play.to_server(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\n")
    return play.server(b"250 ok", b"250 ok").to_client(b"250 ok\r\n250 ok\r\n")
