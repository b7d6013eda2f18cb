"""What one file may cost."""

import pytest

from cloud.analyzers.budget import MIB, Bound, Budget, BudgetExhausted, Limits


class Watch:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_members_end() -> None:
    budget = Budget(Limits(members=2), Watch())
    budget.member()
    budget.member()
    with pytest.raises(BudgetExhausted) as caught:
        budget.member()
    assert caught.value.bound is Bound.MEMBERS


def test_bytes_end_over_all_levels_together() -> None:
    budget = Budget(Limits(unpacked=10), Watch())
    budget.unpacked(6)
    assert budget.room == 4
    with pytest.raises(BudgetExhausted) as caught:
        budget.unpacked(5)
    assert caught.value.bound is Bound.BYTES
    assert budget.room == 0


def test_time_ends() -> None:
    watch = Watch()
    budget = Budget(Limits(seconds=5), watch)
    watch.now += 5.0
    budget.check_time()
    watch.now += 0.1
    with pytest.raises(BudgetExhausted) as caught:
        budget.check_time()
    assert caught.value.bound is Bound.SECONDS


@pytest.mark.parametrize(
    ("packed", "unpacked", "bomb"),
    [(100, 1 * MIB, False), (100, 30 * MIB, True), (1 * MIB, 100 * MIB, False), (0, 25 * MIB, True)],
)
def test_only_much_out_of_little_is_a_bomb(packed: int, unpacked: int, *, bomb: bool) -> None:
    """A small file of zeros packs a thousand to one and harms nobody."""
    budget = Budget(Limits(), Watch())
    if bomb:
        with pytest.raises(BudgetExhausted):
            budget.check_ratio(packed, unpacked)
    else:
        budget.check_ratio(packed, unpacked)
