"""The table of transitions."""

import pytest

from device.smtp.states import TRANSITIONS, NoSuchTransition, Signal, State, after

LAWFUL = [(state, signal) for state, ways in TRANSITIONS.items() for signal in ways]
UNLAWFUL = [(state, signal) for state in State for signal in Signal if (state, signal) not in LAWFUL]


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(State)


def test_every_signal_leads_somewhere() -> None:
    assert {signal for _, signal in LAWFUL} == set(Signal)


def test_every_state_can_be_reached_from_the_two_beginnings() -> None:
    reached = {State.GREETING, State.OPENING}
    while len(more := reached | {after for state in reached for after in TRANSITIONS[state].values()}) > len(reached):
        reached = more
    assert reached == set(State)


def test_every_state_but_the_last_can_close() -> None:
    """A session can end at any moment."""
    assert [state for state in State if Signal.CLOSE not in TRANSITIONS[state]] == [State.CLOSED]


@pytest.mark.parametrize(("state", "signal"), UNLAWFUL)
def test_a_way_that_is_not_in_the_table_is_an_error_with_a_name(state: State, signal: Signal) -> None:
    with pytest.raises(NoSuchTransition, match=f"{state.name} on {signal.name}"):
        after(state, signal)
