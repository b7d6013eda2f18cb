"""Whoever reads a stretch of a message as it arrives."""

from typing import NamedTuple, Protocol, Self

from device.message.declared import DEFAULT_TYPE
from device.message.draft import Frame, Node


class Reader(Protocol):
    """Takes the bytes of one stretch in order, in any chunks. Raises LimitExceeded."""

    def feed(self, data: bytes, at: int) -> None:
        """More bytes, that stand at this offset."""

    def close(self, at: int) -> None:
        """The stretch ends here."""

    def fork(self, parent: Node) -> "Reader":
        """Another reading that has seen the same so far, under that parent; from here on the two go apart."""


class Place(NamedTuple):
    """Where in the message's tree a part is read.

    `inherited` are encodings of the multipart around it, which some readers take for its parts' own.
    """

    parent: Node | None
    frame: Frame
    depth: int = 0
    alternate: bool = False
    default_type: str = DEFAULT_TYPE
    inherited: tuple[str, ...] = ()

    def aside(self) -> Self:
        """The same place in another reading."""
        return self._replace(alternate=True)
