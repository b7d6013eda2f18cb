"""One step of the demo: what should be seen, and what was."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """A step that is done. It held when what was seen is what was expected."""

    name: str
    expected: str
    seen: str

    @property
    def ok(self) -> bool:
        """Whether it held."""
        return self.expected == self.seen

    def to_json(self) -> dict[str, str | bool]:
        """As --json prints it."""
        return {"name": self.name, "expected": self.expected, "seen": self.seen, "ok": self.ok}
