"""How far a release is: one row an act of release, one an envelope recipient."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DeliveryState(StrEnum):
    """Where one recipient's copy stands."""

    PENDING = "pending"
    TAKEN = "taken"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One recipient's copy. `position` is the recipient's place in the envelope; `last_reply` is for the administrator."""

    position: int
    recipient: bytes
    state: DeliveryState
    attempts: int
    last_reply: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Release:
    """One act of release; its id is the act's. `problem` says why nothing goes on just now, empty where nothing is wrong."""

    id: str
    realm_id: str
    message_id: str
    started_at: datetime
    finished_at: datetime | None = None
    problem: str = ""
    sealed_password: bytes | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """A release with its deliveries, in the envelope's order."""

    release: Release
    deliveries: tuple[Delivery, ...]

    @property
    def pending(self) -> tuple[Delivery, ...]:
        """The copies that are still to be handed over."""
        return self._in(DeliveryState.PENDING)

    @property
    def refused(self) -> tuple[Delivery, ...]:
        """The copies that will never be taken."""
        return self._in(DeliveryState.REFUSED)

    @property
    def any_taken(self) -> bool:
        """Whether some recipient has the message."""
        return bool(self._in(DeliveryState.TAKEN))

    def _in(self, state: DeliveryState) -> tuple[Delivery, ...]:
        return tuple(each for each in self.deliveries if each.state is state)
