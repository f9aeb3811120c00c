import itertools

import pytest

from eisync.core.lifecycle import (
    PENDING,
    TRANSITIONS,
    Event,
    IllegalTransitionError,
    State,
    can,
    diagram,
    sources,
    step,
    walk,
)

# The table of the design: a state, then what may happen to it and where that leads.
DESIGN = """
SETTLING    complete -> READY        cut -> QUARANTINED   gone -> GONE            found -> SYNCED
            deleted_content -> TOMBSTONE
READY       claim -> SENDING         changed -> SETTLING  gone -> GONE            found -> SYNCED
SENDING     stored -> SYNCED         duplicate -> SYNCED  defer -> READY
            refuse -> QUARANTINED    changed -> SETTLING  silence -> DOUBTFUL     gone -> GONE
            found -> SYNCED          deleted_content -> TOMBSTONE
DOUBTFUL    stored -> SYNCED         absent -> READY
SYNCED      remote_gone -> TOMBSTONE changed -> SETTLING  gone -> SYNCED   removed -> GONE
QUARANTINED retry -> READY           changed -> SETTLING  gone -> GONE
TOMBSTONE   retry -> READY           changed -> SETTLING  found -> SYNCED
"""


def read_design() -> dict[tuple[State, Event], State]:
    arrows = {}
    before = State.GONE
    for line in DESIGN.strip().splitlines():
        words = line.split()
        if words[0] in State.__members__:
            before = State[words.pop(0)]
        while words:
            event, _, after, *words = words
            arrows[before, Event(event)] = State[after]
    return arrows


ABSENT = sorted(
    (pair for pair in itertools.product(State, Event) if pair not in TRANSITIONS),
    key=lambda pair: (pair[0].value, pair[1].value),
)


def test_the_table_is_the_design_s() -> None:
    assert read_design() == TRANSITIONS


@pytest.mark.parametrize(("state", "event"), TRANSITIONS)
def test_a_step_follows_the_table(state: State, event: Event) -> None:
    assert TRANSITIONS[state, event] is step(state, event)
    assert can(state, event)


@pytest.mark.parametrize(("state", "event"), ABSENT)
def test_a_pair_that_is_not_in_the_table_is_illegal(state: State, event: Event) -> None:
    assert not can(state, event)
    with pytest.raises(IllegalTransitionError, match=f"a {state.value} file cannot meet '{event.value}'"):
        step(state, event)


def test_nothing_leads_out_of_gone() -> None:
    assert [] == [event for state, event in TRANSITIONS if state is State.GONE]


def test_every_state_but_the_first_can_be_reached() -> None:
    assert set(State) == {State.SETTLING, *TRANSITIONS.values()}


def test_every_event_is_in_the_table() -> None:
    assert set(Event) == {event for _, event in TRANSITIONS}


def test_a_pending_state_ends_without_a_person() -> None:
    from_outside = (Event.RETRY, Event.CHANGED, Event.GONE, Event.FOUND)
    by_itself = {state for state, event in TRANSITIONS if event not in from_outside}

    assert PENDING == by_itself - {State.SYNCED}


def test_a_walk_takes_one_step_for_each_event() -> None:
    assert State.SENDING is walk(State.SENDING, ())
    assert State.READY is walk(State.SENDING, (Event.SILENCE, Event.ABSENT))
    with pytest.raises(IllegalTransitionError):
        walk(State.SENDING, (Event.STORED, Event.STORED))


@pytest.mark.parametrize("event", Event)
def test_the_sources_of_an_event_are_where_it_may_happen(event: Event) -> None:
    assert {state for state in State if can(state, event)} == set(sources(event))


def test_the_diagram_has_every_arrow_and_no_other() -> None:
    first, start, *lines = diagram().splitlines()
    drawn = {
        (State[before], Event(event)): State[after]
        for line in lines
        for before, after, events in [line.replace(" --> ", ": ").strip().split(": ")]
        for event in events.split(", ")
    }

    assert ("stateDiagram-v2", "    [*] --> SETTLING: found") == (first, start)
    assert TRANSITIONS == drawn


def test_the_diagram_draws_one_line_between_two_states() -> None:
    ends = [line.partition(":")[0] for line in diagram().splitlines()]

    assert len(ends) == len(set(ends))
