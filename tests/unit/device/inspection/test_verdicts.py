"""What the device remembers, and for how long."""

from device.inspection.policy import Condition
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
    clock.now = 9.9
    assert memory.recall(ONE) == FileVerdict(3)
    clock.now = 10
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


def test_a_failure_is_remembered_shorter_than_a_verdict() -> None:
    """Equal messages don't ask for the same in vain; soon the cloud is asked again."""
    clock = Clock()
    memory = VerdictMemory(clock, lifetime=10, failure_lifetime=2)
    memory.remember_failure(ONE, Condition.VERDICT_TIMEOUT)
    clock.now = 1.9
    assert memory.recall(ONE) is Condition.VERDICT_TIMEOUT
    clock.now = 2
    assert memory.recall(ONE) is None


def test_a_verdict_takes_the_place_of_a_failure() -> None:
    """What is known goes before what was not."""
    memory = VerdictMemory(Clock())
    memory.remember_failure(ONE, Condition.VERDICT_TIMEOUT)
    memory.remember("rules", ONE, FileVerdict(9))
    assert memory.recall(ONE) == FileVerdict(9)


def test_a_failure_does_not_take_the_place_of_a_verdict() -> None:
    """A late upload must not make a known malicious file unknown again."""
    memory = VerdictMemory(Clock())
    memory.remember("rules", ONE, FileVerdict(10))
    memory.remember_failure(ONE, Condition.VERDICT_TIMEOUT)
    assert memory.recall(ONE) == FileVerdict(10)


def test_a_cloud_that_is_away_is_no_failure_of_content() -> None:
    """It is asked at once when it is back."""
    memory = VerdictMemory(Clock())
    memory.remember_failure(ONE, Condition.SERVICE_NOT_READY)
    assert memory.recall(ONE) is None


def test_a_lifetime_of_nothing_remembers_no_failure() -> None:
    memory = VerdictMemory(Clock(), failure_lifetime=0)
    memory.remember_failure(ONE, Condition.VERDICT_TIMEOUT)
    assert memory.recall(ONE) is None
