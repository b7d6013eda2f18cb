"""A reading in the making: nodes as readers find them, findings, and what is left of the limits."""

from dataclasses import dataclass, field
from typing import Final

from device.message.declared import Declared
from device.message.findings import Finding
from device.message.limits import Budget, ScanLimits
from device.message.reading import Role, Sha256, Span, Step

NO_DIGEST: Final = Sha256(b"")


@dataclass(slots=True, eq=False)
class Node:
    """One part as it is found. Offsets count in its frame; digest and size come when its content has ended.

    Assembly gives it its role, and its index among the parts.
    """

    parent: "Node | None"
    frame: "Frame"
    header: Span
    start: int
    declared: Declared
    alternate: bool
    container: bool = False
    embedded: bool = False
    encoding: str = "7bit"
    end: int = 0
    size: int = 0
    sha256: Sha256 = NO_DIGEST
    head: bytes = b""
    role: Role = Role.CONTAINER
    index: int = -1

    def place(self) -> tuple[Span, tuple[Step, ...]]:
        """Where the content stands in the message, and the steps in from there."""
        return self.frame.place(self.start, self.end)


@dataclass(slots=True, eq=False)
class Frame:
    """What offsets count in: the message itself, or the decoded content of a node.

    `crlf` is whether its lines end with CRLF: what its first header shows, None before that.
    """

    owner: Node | None = None
    crlf: bool | None = None

    def place(self, start: int, end: int) -> tuple[Span, tuple[Step, ...]]:
        """A span of this frame as a span of the message, and the steps in from there."""
        if self.owner is None:
            return Span(start, end), ()
        body, steps = self.owner.place()
        return body, (*steps, Step(self.owner.encoding, Span(start, end)))


@dataclass(slots=True, eq=False)
class Draft:
    """What the readers of one message write into together."""

    limits: ScanLimits
    budget: Budget = field(init=False)
    nodes: list[Node] = field(default_factory=list)
    findings: set[Finding] = field(default_factory=set)
    referred: set[str] = field(default_factory=set)
    header: bytes = b""

    def __post_init__(self) -> None:
        self.budget = Budget(self.limits)

    def add(self, node: Node) -> Node:
        """A part was found. Raises LimitExceeded."""
        self.budget.spend_part(alternate=node.alternate)
        self.nodes.append(node)
        return node

    def note(self, *findings: Finding) -> None:
        """Something was odd."""
        self.findings.update(findings)
