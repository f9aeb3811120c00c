import itertools

import pytest

from eisync.core.lifecycle import (
    HERE,
    PENDING,
    REMOVALS,
    RETRIEVABLE,
    TRANSITIONS,
    Event,
    IllegalTransitionError,
    RemovalEvent,
    RemovalState,
    State,
    can,
    removal_sources,
    sources,
    step,
    step_removal,
    walk,
)

# The table of the design: a state, its events, and the next state of each.
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


REMOVAL_DESIGN = """
NONE      trash -> TRASHED   delete -> DELETED   archive -> ARCHIVED  back -> NONE
          keep -> KEPT       spare -> SPARED     miss -> UNSEEN       renew -> NONE
TRASHED   back -> KEPT       keep -> KEPT        renew -> NONE
DELETED   confirm -> DELETED release -> NONE     back -> KEPT         keep -> KEPT    renew -> NONE
ARCHIVED  confirm -> ARCHIVED release -> NONE    back -> KEPT         keep -> KEPT    renew -> NONE
KEPT      release -> NONE    back -> KEPT        keep -> KEPT         renew -> NONE
SPARED    back -> NONE       keep -> KEPT        renew -> NONE
UNSEEN    back -> NONE       keep -> KEPT        renew -> NONE
"""
ABSENT_REMOVALS = [pair for pair in itertools.product(RemovalState, RemovalEvent) if pair not in REMOVALS]


def test_the_table_of_removals_is_the_design_s() -> None:
    arrows = {}
    for line in REMOVAL_DESIGN.strip().splitlines():
        words = line.split()
        if words[0] in RemovalState.__members__:
            before = RemovalState[words.pop(0)]
        while words:
            event, _, after, *words = words
            arrows[before, RemovalEvent(event)] = RemovalState[after]
    assert arrows == REMOVALS


@pytest.mark.parametrize(("state", "event"), REMOVALS)
def test_a_step_of_a_removal_follows_the_table(state: RemovalState, event: RemovalEvent) -> None:
    assert REMOVALS[state, event] is step_removal(state, event)
    assert state in removal_sources(event)


@pytest.mark.parametrize(("state", "event"), ABSENT_REMOVALS)
def test_a_removal_that_is_not_in_the_table_is_illegal(state: RemovalState, event: RemovalEvent) -> None:
    assert state not in removal_sources(event)
    with pytest.raises(IllegalTransitionError, match=f"{state.name} cannot meet '{event.value}'"):
        step_removal(state, event)


def test_every_removal_state_can_be_reached_and_every_event_leads_somewhere() -> None:
    assert set(RemovalState) == set(REMOVALS.values())
    assert set(RemovalEvent) == {event for _, event in REMOVALS}


def test_a_file_that_eisync_removed_does_not_count_as_here() -> None:
    away = {REMOVALS[RemovalState.NONE, event] for event in (RemovalEvent.TRASH, RemovalEvent.MISS)} | RETRIEVABLE
    assert set(RemovalState) == HERE | away
    assert not HERE & away
