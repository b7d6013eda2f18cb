"""TLS in a session. STARTTLS is asked of the server first, then of the client; nothing from before counts after it.

Source: RFC 3207. What either side sent behind STARTTLS or behind its 220 was sent in the clear and would be taken for
encrypted (CVE-2011-0411): such a session ends on both sides.

Implicit TLS (RFC 8314, section 3.3) comes before anything is said, so there is nothing that could be injected or stripped.
"""

from dataclasses import replace
from enum import StrEnum
from typing import Final

from device.smtp import answers, capabilities, effects, events
from device.smtp.downstream import Presence, Slot
from device.smtp.exchange import Exchange
from device.smtp.grammar import CRLF, Command
from device.smtp.reply import Reply
from device.smtp.states import Signal

IMPLICIT_TLS_PORT: Final = 465
"""Submission that begins with TLS (RFC 8314, section 7.3)."""


class Starttls(StrEnum):
    """What becomes of TLS: both legs end here; bytes are handed on unread; the server's offer is withheld."""

    INSPECT = "inspect"
    PASS = "pass"  # noqa: S105 - a policy, no secret
    STRIP = "strip"


class Encrypting:
    """The upgrade of one session, and what EHLO may offer before and after it. Implicit TLS can't be stripped."""

    def __init__(self, exchange: Exchange, policy: Starttls, *, implicit: bool = False) -> None:
        assert not (implicit and policy is Starttls.STRIP)
        self._exchange = exchange
        self._policy = policy
        self._implicit = implicit
        self._secured = False
        self._verified = False

    @property
    def inspects(self) -> bool:
        """Whether a client's TLS is for the device itself."""
        return self._policy is Starttls.INSPECT

    @property
    def offers(self) -> frozenset[bytes]:
        """Which of capabilities.CONDITIONAL holds now."""
        if not self._secured:
            return frozenset() if self._policy is Starttls.STRIP else frozenset({b"STARTTLS"})
        return frozenset({b"REQUIRETLS"}) if self._verified else frozenset()

    def starttls(self, command: Command) -> None:
        """The client's command: taken when every reply before it is there."""
        exchange = self._exchange
        if self._secured:
            exchange.downstream.say(answers.BAD_SEQUENCE)
        elif b"STARTTLS" not in exchange.capabilities:
            exchange.downstream.say(answers.UNKNOWN_COMMAND)
        elif command.argument:
            exchange.downstream.say(answers.BAD_ARGUMENT)
        else:
            exchange.move(Signal.TLS_RELAYED)
            slot = exchange.downstream.owe()
            exchange.upstream.ask((b"STARTTLS" + CRLF,), lambda reply: self._answered(slot, reply))

    def begin_first(self) -> None:
        """Implicit TLS, now that the server is there, or is known not to be: an inspected client is told so inside of TLS."""
        exchange = self._exchange
        if self.inspects:
            exchange.move(Signal.TLS_FIRST)
            exchange.effects.append(effects.Encrypt())
        elif exchange.upstream.lost or exchange.downstream.presence is not Presence.OPEN:
            exchange.close()
        else:
            exchange.move(Signal.TLS_PASSES)
            exchange.effects += [effects.Uninspected(), effects.ToServer((exchange.downstream.take_all(),))]

    def done(self, event: events.Secured | events.ServerNotSecured) -> None:
        """Both handshakes are over."""
        if isinstance(event, events.Secured):
            self._begin_afresh(verified=event.verified)
            return
        # The client asked for TLS and has it: to go on with a plain server would be a lie.
        self._exchange.note("server.not-secured", answers.SERVER_NOT_SECURED)
        self._exchange.close(answers.SERVER_NOT_SECURED)

    def _begin_afresh(self, *, verified: bool) -> None:
        """Both sides start afresh (RFC 3207, section 4.2); with implicit TLS they start."""
        exchange = self._exchange
        self._secured, self._verified = True, verified
        exchange.repeatable = False
        exchange.move(Signal.SECURED_FIRST if self._implicit else Signal.SECURED)
        exchange.note("session.secured" if verified else "session.secured-unverified")
        exchange.capabilities = capabilities.NONE
        exchange.upstream.pipelining = False
        exchange.peers = replace(exchange.peers, greeting_name=b"")
        exchange.downstream.take_all()
        exchange.end_transaction()

    def pass_on(self, event: events.Event) -> None:
        """Uninspected: bytes go to the other side as they are, and no word of ours goes between them."""
        exchange = self._exchange
        match event:
            case events.ClientBytes(data):
                exchange.effects.append(effects.ToServer((data,)))
            case events.ServerBytes(data):
                exchange.effects.append(effects.ToClient(data))
            case events.KeepaliveDue() | events.Stopping():
                pass
            case _:
                exchange.close()

    def _answered(self, slot: Slot, reply: Reply) -> None:
        exchange = self._exchange
        if reply.code != 220:
            self._refused(slot, reply)
        elif not exchange.upstream.nothing_behind:
            exchange.break_off("server.reply-before-tls")
        elif not self._injected():
            self._begin(slot, reply)

    def _begin(self, slot: Slot, reply: Reply) -> None:
        exchange = self._exchange
        exchange.move(Signal.TLS_BEGINS if self.inspects else Signal.TLS_PASSES)
        exchange.downstream.answer(slot, reply)
        if exchange.downstream.presence is not Presence.OPEN:
            exchange.close()
        elif self.inspects:
            exchange.effects.append(effects.Encrypt())
        else:
            exchange.effects.append(effects.Uninspected())

    def _refused(self, slot: Slot, reply: Reply) -> None:
        """The client hears it and decides whether it goes on in the clear."""
        exchange = self._exchange
        if not 400 <= reply.code < 600:
            exchange.break_off("server.unexpected-reply")
            return
        exchange.move(Signal.TLS_REFUSED)
        exchange.downstream.answer(slot, reply)
        if reply.code == 421:
            exchange.close()

    def _injected(self) -> bool:
        """Whether the client sent more than STARTTLS before it had its 220; the session is over then."""
        exchange = self._exchange
        if not exchange.downstream.waiting:
            return False
        exchange.note("client.commands-before-tls", answers.ENDS_IN_TLS)
        exchange.close(answers.ENDS_IN_TLS)
        return True
