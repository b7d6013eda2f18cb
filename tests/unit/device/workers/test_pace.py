"""How soon a worker is started again."""

import pytest

from device.workers.pace import pause


@pytest.mark.parametrize(("deaths", "seconds"), [(0, 0), (1, 0), (2, 1), (3, 2), (6, 16), (7, 30), (5_000, 30)])
def test_the_first_death_costs_nothing_and_a_row_of_them_ever_more(deaths: int, seconds: float) -> None:
    """Up to half a minute: a machine that can't run workers is not busy with starting them."""
    assert pause(deaths) == seconds
