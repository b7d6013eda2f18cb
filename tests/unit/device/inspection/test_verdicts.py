"""What the device remembers, and for how long."""

from device.inspection.verdicts import FileVerdict, VerdictMemory
from device.message.reading import Sha256

ONE, TWO, THREE = (Sha256(bytes([n]) * 32) for n in (1, 2, 3))


class Clock:
    """A clock that moves when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_verdict_is_believed_for_its_lifetime() -> None:
    """Then the cloud is asked again."""
    clock = Clock()
    memory = VerdictMemory(clock, lifetime=10)
    memory.remember("rules-1", ONE, FileVerdict(3))
    clock.now = 10
    assert memory.recall(ONE) == FileVerdict(3)
    clock.now = 10.1
    assert memory.recall(ONE) is None


def test_new_rules_make_old_verdicts_forgotten() -> None:
    """A verdict belongs to the rule set that gave it."""
    memory = VerdictMemory(Clock())
    memory.remember("rules-1", ONE, FileVerdict(0))
    memory.under("rules-2")
    assert memory.recall(ONE) is None


def test_memory_is_bounded_and_forgets_the_least_lately_used() -> None:
    """Two fit; the one that was asked for stays."""
    memory = VerdictMemory(Clock(), size=2)
    for digest in (ONE, TWO):
        memory.remember("rules", digest, FileVerdict(1))
    memory.recall(ONE)
    memory.remember("rules", THREE, FileVerdict(1))
    assert memory.recall(TWO) is None
    assert memory.recall(ONE) is not None
