"""The table of who may do what, when, under which release option: all of it."""

import itertools

import pytest

from cloud.errors import Conflict, Refused
from cloud.policy.realm_settings import ReleaseOption
from cloud.quarantine.lifecycle import NEXT, Act, Actor, ActorKind, State, Turn, decide, possible, states_before

HELD, REQUESTED, SENDING = State.HELD, State.REQUESTED, State.SENDING
RELEASED, DELETED, EXPIRED = State.RELEASED, State.DELETED, State.EXPIRED
RECIPIENT, ADMINISTRATOR, SYSTEM = ActorKind.RECIPIENT, ActorKind.ADMINISTRATOR, ActorKind.SYSTEM

REFUSED, CONFLICT, SAME = "refused", "conflict", "same"

# In the order held, requested, sending, released, deleted, expired.
RELEASE = (SENDING, SENDING, SAME, SAME, CONFLICT, CONFLICT)
DELETE = (DELETED, DELETED, CONFLICT, CONFLICT, SAME, CONFLICT)
REQUEST = (REQUESTED, SAME, CONFLICT, CONFLICT, CONFLICT, CONFLICT)
NEVER = (REFUSED,) * 6

TABLE = {
    (RECIPIENT, ReleaseOption.RECIPIENT): {Act.RELEASE: RELEASE, Act.DELETE: DELETE, Act.REQUEST: NEVER},
    (RECIPIENT, ReleaseOption.ADMINISTRATOR): {Act.RELEASE: NEVER, Act.DELETE: DELETE, Act.REQUEST: REQUEST},
    (ADMINISTRATOR, ReleaseOption.RECIPIENT): {Act.RELEASE: RELEASE, Act.DELETE: DELETE, Act.REQUEST: NEVER},
    (ADMINISTRATOR, ReleaseOption.ADMINISTRATOR): {Act.RELEASE: RELEASE, Act.DELETE: DELETE, Act.REQUEST: NEVER},
    (SYSTEM, ReleaseOption.RECIPIENT): {Act.RELEASE: NEVER, Act.DELETE: NEVER, Act.REQUEST: NEVER},
    (SYSTEM, ReleaseOption.ADMINISTRATOR): {Act.RELEASE: NEVER, Act.DELETE: NEVER, Act.REQUEST: NEVER},
}

CASES = [
    (state, act, kind, option, TABLE[kind, option][act][position])
    for kind, option, act in itertools.product(ActorKind, ReleaseOption, Act)
    for position, state in enumerate(State)
]


def outcome(state: State, act: Act, kind: ActorKind, option: ReleaseOption) -> State | str:
    try:
        following = decide(state, act, kind, option)
    except Refused:
        return REFUSED
    except Conflict:
        return CONFLICT
    return SAME if following is None else following


@pytest.mark.parametrize(("state", "act", "kind", "option", "expected"), CASES)
def test_the_table(state: State, act: Act, kind: ActorKind, option: ReleaseOption, expected: State | str) -> None:
    assert outcome(state, act, kind, option) == expected


@pytest.mark.parametrize(("state", "act", "kind", "option", "expected"), CASES)
def test_a_page_offers_exactly_what_would_change_something(
    state: State, act: Act, kind: ActorKind, option: ReleaseOption, expected: State | str
) -> None:
    assert (act in possible(state, kind, option)) is isinstance(expected, State)


def test_nothing_leads_out_of_the_last_states() -> None:
    for last in (RELEASED, DELETED, EXPIRED):
        assert not any(state is last for state, _ in NEXT)


def test_only_deleting_and_expiring_destroy_content() -> None:
    assert {state for state in State if state.destroys_content} == {DELETED, EXPIRED}


@pytest.mark.parametrize(
    ("turn", "states"),
    [
        (Turn.TAKEN, (SENDING,)),
        (Turn.NOT_TAKEN, (SENDING,)),
        (Turn.REFUSED, (HELD,)),
        (Turn.EXPIRE, (HELD, REQUESTED)),
    ],
)
def test_where_things_just_happen(turn: Turn, states: tuple[State, ...]) -> None:
    assert states_before(turn) == states


def test_every_refusal_says_what_to_do_instead() -> None:
    for kind, act, option in [
        (RECIPIENT, Act.RELEASE, ReleaseOption.ADMINISTRATOR),
        (RECIPIENT, Act.REQUEST, ReleaseOption.RECIPIENT),
        (ADMINISTRATOR, Act.REQUEST, ReleaseOption.RECIPIENT),
    ]:
        with pytest.raises(Refused) as refused:
            decide(HELD, act, kind, option)
        assert refused.value.next_step


def test_an_actor_reads_as_role_and_name() -> None:
    assert str(Actor(RECIPIENT, "bob@example.org")) == "recipient:bob@example.org"
    assert str(Actor(SYSTEM)) == "system"
