"""The life of a held message: who may do what, and when.

                     request                release                 taken
             ┌────────────────► requested ──────────┐        ┌────────────► released
    store ──► held ──────────────────│──────────────┴► sending
             │ ▲                     │                   │
             │ └─────────────────────│───────────────────┘ not taken
             ├──── delete, refused ──┴── delete ──► deleted
             └──── expire ───────────┴── expire ──► expired

1. People act (release, delete, request); other things just happen (the server took it or not, its time is over).
2. The first act wins. The same act again is no error and changes nothing; another one is refused by name.
3. An administrator may release and delete under both release options. A recipient may always delete, may release only where
   the option says so, and else ask for it.
4. While a message is being sent, nothing else may happen to it. Where no server took it, it is held again.
5. Content lives until the message is deleted or expired, or, once released, until its retention ends.

Source: the vendor's e-mail management overview; one act counts for all recipients.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cloud.errors import Conflict, Refused
from cloud.policy.realm_settings import ReleaseOption


class State(StrEnum):
    """Where a message stands."""

    HELD = "held"
    REQUESTED = "requested"
    SENDING = "sending"
    RELEASED = "released"
    DELETED = "deleted"
    EXPIRED = "expired"

    @property
    def destroys_content(self) -> bool:
        """Whether the message's key is destroyed on the way into this state."""
        return self in (State.DELETED, State.EXPIRED)


class Act(StrEnum):
    """What a person does with a message."""

    RELEASE = "release"
    DELETE = "delete"
    REQUEST = "request"


class Turn(StrEnum):
    """What happens to a message without a person."""

    TAKEN = "taken"
    NOT_TAKEN = "not-taken"
    REFUSED = "refused"
    EXPIRE = "expire"


class ActorKind(StrEnum):
    """In which role somebody acts."""

    RECIPIENT = "recipient"
    ADMINISTRATOR = "administrator"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `name` is for people: an address, or how an administrator is known; may be empty."""

    kind: ActorKind
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else str(self.kind)


NEXT: Final[dict[tuple[State, Act | Turn], State]] = {
    (State.HELD, Act.RELEASE): State.SENDING,
    (State.HELD, Act.DELETE): State.DELETED,
    (State.HELD, Act.REQUEST): State.REQUESTED,
    (State.REQUESTED, Act.RELEASE): State.SENDING,
    (State.REQUESTED, Act.DELETE): State.DELETED,
    (State.SENDING, Turn.TAKEN): State.RELEASED,
    (State.SENDING, Turn.NOT_TAKEN): State.HELD,
    (State.HELD, Turn.REFUSED): State.DELETED,
    (State.HELD, Turn.EXPIRE): State.EXPIRED,
    (State.REQUESTED, Turn.EXPIRE): State.EXPIRED,
}
"""Every transition that there is."""

_ALREADY: Final[dict[Act, frozenset[State]]] = {
    Act.RELEASE: frozenset({State.SENDING, State.RELEASED}),
    Act.DELETE: frozenset({State.DELETED}),
    Act.REQUEST: frozenset({State.REQUESTED}),
}
"""Where the same act again finds its work done."""

_ADMINISTRATORS_ACTS: Final = frozenset({Act.RELEASE, Act.DELETE})

_MAY: Final[dict[tuple[ActorKind, ReleaseOption], frozenset[Act]]] = {
    (ActorKind.RECIPIENT, ReleaseOption.RECIPIENT): frozenset({Act.RELEASE, Act.DELETE}),
    (ActorKind.RECIPIENT, ReleaseOption.ADMINISTRATOR): frozenset({Act.REQUEST, Act.DELETE}),
    (ActorKind.ADMINISTRATOR, ReleaseOption.RECIPIENT): _ADMINISTRATORS_ACTS,
    (ActorKind.ADMINISTRATOR, ReleaseOption.ADMINISTRATOR): _ADMINISTRATORS_ACTS,
}
"""Nobody else may anything: the system has turns, not acts."""

_STANDING: Final[dict[State, str]] = {
    State.HELD: "is held",
    State.REQUESTED: "waits for the administrator",
    State.SENDING: "is being released",
    State.RELEASED: "was released already",
    State.DELETED: "was deleted already",
    State.EXPIRED: "was kept for its time and is gone",
}


def decide(state: State, act: Act, kind: ActorKind, option: ReleaseOption) -> State | None:
    """The state that this act leads to; None where it was done before.

    Raises Refused where this role may not do this under this option, Conflict where another act won.
    """
    if act not in _may(kind, option):
        raise Refused(f"{_WHO[kind]} can't {act} this message", next_step=_INSTEAD.get((kind, act), ""))
    if state in _ALREADY[act]:
        return None
    following = NEXT.get((state, act))
    if following is None:
        raise Conflict(f"the message {_STANDING[state]}", next_step="The first action on a message counts for all.")
    return following


def possible(state: State, kind: ActorKind, option: ReleaseOption) -> tuple[Act, ...]:
    """The acts that would change something now: the buttons of a page, in a fixed order."""
    return tuple(act for act in Act if act in _may(kind, option) and (state, act) in NEXT)


def states_before(turn: Turn) -> tuple[State, ...]:
    """The states in which this can happen."""
    return tuple(state for state, event in NEXT if event is turn)


def _may(kind: ActorKind, option: ReleaseOption) -> frozenset[Act]:
    return _MAY.get((kind, option), frozenset())


_WHO: Final[dict[ActorKind, str]] = {
    ActorKind.RECIPIENT: "a recipient",
    ActorKind.ADMINISTRATOR: "an administrator",
    ActorKind.SYSTEM: "the service itself",
}

_INSTEAD: Final[dict[tuple[ActorKind, Act], str]] = {
    (ActorKind.RECIPIENT, Act.RELEASE): "Ask the administrator to release it.",
    (ActorKind.RECIPIENT, Act.REQUEST): "Release it: here, recipients may.",
    (ActorKind.ADMINISTRATOR, Act.REQUEST): "Release it: there is nobody to ask.",
}
