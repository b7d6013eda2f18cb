"""The states of a session, and every way from one to another.

Rules of this file
==================

1. What may follow what stands in TRANSITIONS, and nowhere else. A signal that a state does not know is a NoSuchTransition: a
   defect of ours, never of a peer. Peers' mistakes get SMTP replies long before.
2. This file knows nothing of bytes, replies or envelopes. The rooms beside it translate: dialogue (commands before a body),
   body (DATA and BDAT), encrypting (STARTTLS), outgoing (what is done with a whole message).
3. docs/states.svg is drawn from the table by tools/draw-states.

Theory
======

Two SMTP conversations meet here, and mostly one is relayed into the other: that is DIALOGUE. Only a message is different. The
device answers DATA itself, holds the body while the server idles in its open transaction, and then has one of three things to do:

    deliver    OFFERING (DATA is sent, 354 awaited) → ANSWERING (final dot is sent, the reply awaited)
    replace    CLEARING (RSET) → ADDRESSING (MAIL, RCPTs) → OFFERING → ANSWERING
    refuse     RESETTING (RSET must get 250 before the client gets our reply)

Where a message is handed on while it is inspected (streaming), the server's DATA comes before the outcome, in DATA or DECIDING.
Then "deliver" is only the end of it; anything else cuts the connection, and what is sent instead takes another one in RESENDING.
After that there is no server any more, and in PARTING the client is only listened to until it leaves.

A message that is spoilt while it comes in (too big, a bare line end around a dot, a dead server) is read to its end in
DISCARDING: SMTP has no place for a reply inside of a body.

STARTTLS goes to the server in ASKING_FOR_TLS. After its 220 the client's 220 follows, and either both legs are encrypted in
SECURING, where the session hears no bytes, and begin afresh; or, where policy says so, PASSING hands bytes on until it closes.
With implicit TLS (RFC 8314) a session starts in OPENING instead, goes the same two ways as soon as the server is connected, and
comes from SECURING to the server's greeting.

The point of no return is the move into ANSWERING or RESENDING. Before it a vanished client means that nothing was sent and the
message is abandoned; after it the server's word alone settles the message, whether or not someone still listens.

Two more machines are too small for a table: the client's side (open, ended, gone) is Downstream's, and which commands await a
reply is Upstream's.
"""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class State(StrEnum):
    """Where a session is."""

    OPENING = "opening"
    GREETING = "greeting"
    DIALOGUE = "dialogue"
    AUTHENTICATING = "authenticating"
    ASKING_FOR_TLS = "asking-for-tls"
    SECURING = "securing"
    PASSING = "passing"
    DATA = "data"
    CHUNK = "chunk"
    BETWEEN_CHUNKS = "between-chunks"
    DISCARDING = "discarding"
    DECIDING = "deciding"
    CLEARING = "clearing"
    ADDRESSING = "addressing"
    OFFERING = "offering"
    ANSWERING = "answering"
    RESETTING = "resetting"
    RESENDING = "resending"
    PARTING = "parting"
    CLOSED = "closed"


class Signal(StrEnum):
    """What moves it on."""

    GREETED = "greeted"
    AUTH_RELAYED = "AUTH relayed"
    AUTH_ANSWERED = "AUTH answered"
    TLS_RELAYED = "STARTTLS relayed"
    TLS_REFUSED = "STARTTLS refused"
    TLS_BEGINS = "server's 220"
    TLS_PASSES = "TLS, not inspected"
    TLS_FIRST = "implicit TLS"
    SECURED = "both legs encrypted"
    SECURED_FIRST = "encrypted, not greeted"
    DATA_TAKEN = "354 given"
    CHUNK_OPENED = "BDAT"
    CHUNK_TAKEN = "250 given"
    FORGOTTEN = "transaction ended"
    SPOILT = "spoilt"
    DISCARDED = "read to its end"
    ENDED = "end of data"
    DELIVER = "deliver"
    DELIVER_CHUNK = "deliver by BDAT"
    REPLACE = "replace"
    REFUSE = "refuse"
    DELIVER_END = "deliver the end"
    CUT = "cut off"
    PARTED = "last reply"
    CLEARED = "RSET got 250"
    ADDRESSED = "all recipients taken"
    GO_AHEAD = "server's 354"
    ANSWERED = "server's reply"
    CLOSE = "close"


class NoSuchTransition(Exception):
    """The session tried to go a way that isn't in the table."""

    def __init__(self, state: State, signal: Signal) -> None:
        super().__init__(f"no transition from {state.name} on {signal.name}")
        self.state = state
        self.signal = signal


TRANSITIONS: Final = MappingProxyType(
    {
        State.OPENING: {
            Signal.TLS_FIRST: State.SECURING,
            Signal.TLS_PASSES: State.PASSING,
            Signal.CLOSE: State.CLOSED,
        },
        State.GREETING: {Signal.GREETED: State.DIALOGUE, Signal.CLOSE: State.CLOSED},
        State.DIALOGUE: {
            Signal.AUTH_RELAYED: State.AUTHENTICATING,
            Signal.TLS_RELAYED: State.ASKING_FOR_TLS,
            Signal.DATA_TAKEN: State.DATA,
            Signal.CHUNK_OPENED: State.CHUNK,
            Signal.SPOILT: State.DISCARDING,
            Signal.CLOSE: State.CLOSED,
        },
        State.AUTHENTICATING: {Signal.AUTH_ANSWERED: State.DIALOGUE, Signal.CLOSE: State.CLOSED},
        State.ASKING_FOR_TLS: {
            Signal.TLS_REFUSED: State.DIALOGUE,
            Signal.TLS_BEGINS: State.SECURING,
            Signal.TLS_PASSES: State.PASSING,
            Signal.CLOSE: State.CLOSED,
        },
        State.SECURING: {
            Signal.SECURED: State.DIALOGUE,
            Signal.SECURED_FIRST: State.GREETING,
            Signal.CLOSE: State.CLOSED,
        },
        State.PASSING: {Signal.CLOSE: State.CLOSED},
        State.DATA: {Signal.ENDED: State.DECIDING, Signal.SPOILT: State.DISCARDING, Signal.CLOSE: State.CLOSED},
        State.CHUNK: {
            Signal.CHUNK_TAKEN: State.BETWEEN_CHUNKS,
            Signal.ENDED: State.DECIDING,
            Signal.SPOILT: State.DISCARDING,
            Signal.CLOSE: State.CLOSED,
        },
        State.BETWEEN_CHUNKS: {
            Signal.CHUNK_OPENED: State.CHUNK,
            Signal.SPOILT: State.DISCARDING,
            Signal.FORGOTTEN: State.DIALOGUE,
            Signal.CLOSE: State.CLOSED,
        },
        State.DISCARDING: {
            Signal.DISCARDED: State.DIALOGUE,
            Signal.PARTED: State.PARTING,
            Signal.REFUSE: State.RESETTING,
            Signal.CLOSE: State.CLOSED,
        },
        State.DECIDING: {
            Signal.DELIVER: State.OFFERING,
            Signal.DELIVER_CHUNK: State.ANSWERING,
            Signal.DELIVER_END: State.ANSWERING,
            Signal.CUT: State.RESENDING,
            Signal.PARTED: State.PARTING,
            Signal.REPLACE: State.CLEARING,
            Signal.REFUSE: State.RESETTING,
            Signal.CLOSE: State.CLOSED,
        },
        State.CLEARING: {Signal.CLEARED: State.ADDRESSING, Signal.CLOSE: State.CLOSED},
        State.ADDRESSING: {
            Signal.ADDRESSED: State.OFFERING,
            Signal.REFUSE: State.RESETTING,
            Signal.CLOSE: State.CLOSED,
        },
        State.OFFERING: {Signal.GO_AHEAD: State.ANSWERING, Signal.REFUSE: State.RESETTING, Signal.CLOSE: State.CLOSED},
        State.ANSWERING: {Signal.ANSWERED: State.DIALOGUE, Signal.REFUSE: State.RESETTING, Signal.CLOSE: State.CLOSED},
        State.RESETTING: {Signal.CLEARED: State.DIALOGUE, Signal.CLOSE: State.CLOSED},
        State.RESENDING: {Signal.PARTED: State.PARTING, Signal.CLOSE: State.CLOSED},
        State.PARTING: {Signal.CLOSE: State.CLOSED},
        State.CLOSED: {},
    }
)
"""State → signal → next state."""

COMMANDS: Final = frozenset({State.DIALOGUE, State.BETWEEN_CHUNKS})
"""The client's next line is a command."""

BODY: Final = frozenset({State.DATA, State.CHUNK, State.DISCARDING})
"""The client's next bytes belong to a body."""

HELD: Final = BODY | {State.BETWEEN_CHUNKS, State.DECIDING}
"""The server sits in an open transaction and hears nothing of it."""


def after(state: State, signal: Signal) -> State:
    """The next state; NoSuchTransition, if the table has none."""
    try:
        return TRANSITIONS[state][signal]
    except KeyError:
        raise NoSuchTransition(state, signal) from None
