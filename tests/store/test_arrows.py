"""Every arrow of the state machine is crossed in a real database, by the methods that the other rooms call."""

from collections.abc import Callable

import pytest

from eisync.core.actions import Action, ActionKind, Cause
from eisync.core.lifecycle import TRANSITIONS, Event, State
from eisync.core.outcome import Outcome
from eisync.store.actions import ActionStore

from .shelf import NOW, Shelf, facts

LATER = NOW + 50.0


def known_and_settling(shelf: Shelf) -> int:
    """It was sent before."""
    identity = shelf.sync("a.csv", 7)
    shelf.outbox.mark_changed([identity], now=NOW)
    return identity


def sending(shelf: Shelf) -> int:
    identity = shelf.enqueue()
    [item] = shelf.claim()
    assert identity == item.id
    return identity


def doubtful(shelf: Shelf) -> int:
    identity = sending(shelf)
    shelf.settle(identity, Event.SILENCE, reason="no answer")
    return identity


def quarantined(shelf: Shelf) -> int:
    identity = sending(shelf)
    shelf.settle(identity, Event.REFUSE, reason="bad CSV")
    return identity


def tombstone(shelf: Shelf) -> int:
    identity = shelf.sync("a.csv", 7)
    shelf.make_tombstones(7, now=NOW)
    return identity


BEFORE: dict[State, Callable[[Shelf], int]] = {
    State.SETTLING: known_and_settling,
    State.READY: Shelf.enqueue,
    State.SENDING: sending,
    State.DOUBTFUL: doubtful,
    State.SYNCED: lambda shelf: shelf.sync("a.csv", 7),
    State.QUARANTINED: quarantined,
    State.TOMBSTONE: tombstone,
}

Crossing = Callable[[Shelf, int], object]


def settled(event: Event) -> Crossing:
    return lambda shelf, identity: shelf.settle(identity, event, now=LATER, reason="so it was")


def resolved(event: Event) -> Crossing:
    return lambda shelf, identity: shelf.outbox.resolve(
        [Outcome(item_id=identity, events=(event,), reason="so it was")], now=LATER
    )


def completed(shelf: Shelf, identity: int) -> None:
    shelf.enqueue(version=2, now=LATER)


def cut(shelf: Shelf, identity: int) -> None:
    assert set() == shelf.outbox.park([(shelf.candidate(version=2), "it is cut")], now=LATER)


def claimed(shelf: Shelf, identity: int) -> None:
    shelf.claim(now=LATER)


def changed(shelf: Shelf, identity: int) -> None:
    shelf.outbox.mark_changed([identity], now=LATER)


def went(shelf: Shelf, identity: int) -> None:
    shelf.outbox.mark_gone([identity], now=LATER)


def retried(shelf: Shelf, identity: int) -> None:
    assert 1 == shelf.outbox.retry([identity], now=LATER)


def found_waiting(shelf: Shelf, identity: int) -> None:
    [item] = shelf.mirrored.waiting("main", after_id=0, limit=9)
    assert shelf.mirrored.adopt(item, "a" * 64, [7], now=LATER)


def returned(shelf: Shelf, identity: int) -> None:
    assert shelf.outbox.mark_unchanged(identity, facts(), "a", now=LATER)


def returned_without_sample(shelf: Shelf, identity: int) -> None:
    assert [] == shelf.make_tombstones(7, now=LATER)
    returned(shelf, identity)


def found_again(shelf: Shelf, identity: int) -> None:
    assert [] == shelf.sweep(7, now=LATER)


def tombstoned(shelf: Shelf, identity: int) -> None:
    assert [identity] == shelf.make_tombstones(7, now=LATER)


def removed(shelf: Shelf, identity: int) -> None:
    action = Action(
        kind=ActionKind.DELETE_SAMPLE,
        cause=Cause.LOCAL_DELETION,
        file_id=identity,
        root="/data",
        path="a.csv",
        reason="its file was deleted here",
        since_at=NOW,
        sample_id=7,
    )
    actions = ActionStore(shelf.database)
    actions.allow("main", [action], now=LATER)
    [written] = actions.to_do("main", is_retention=False, limit=9)
    actions.begin(written.id)
    actions.finish("main", written, "deleted", now=LATER)


CROSSINGS: dict[tuple[State, Event], Crossing] = {
    (State.SETTLING, Event.COMPLETE): completed,
    (State.SETTLING, Event.CUT): cut,
    (State.SETTLING, Event.GONE): went,
    (State.SETTLING, Event.FOUND): returned,
    (State.SETTLING, Event.DELETED_CONTENT): returned_without_sample,
    (State.READY, Event.CLAIM): claimed,
    (State.READY, Event.CHANGED): changed,
    (State.READY, Event.GONE): went,
    (State.SENDING, Event.STORED): settled(Event.STORED),
    (State.SENDING, Event.DUPLICATE): settled(Event.DUPLICATE),
    (State.SENDING, Event.FOUND): settled(Event.FOUND),
    (State.SENDING, Event.DELETED_CONTENT): settled(Event.DELETED_CONTENT),
    (State.SENDING, Event.DEFER): settled(Event.DEFER),
    (State.SENDING, Event.REFUSE): settled(Event.REFUSE),
    (State.SENDING, Event.CHANGED): settled(Event.CHANGED),
    (State.SENDING, Event.SILENCE): settled(Event.SILENCE),
    (State.SENDING, Event.GONE): settled(Event.GONE),
    (State.DOUBTFUL, Event.STORED): resolved(Event.STORED),
    (State.DOUBTFUL, Event.ABSENT): resolved(Event.ABSENT),
    (State.SYNCED, Event.REMOTE_GONE): tombstoned,
    (State.SYNCED, Event.CHANGED): changed,
    (State.SYNCED, Event.GONE): went,
    (State.SYNCED, Event.REMOVED): removed,
    (State.QUARANTINED, Event.RETRY): retried,
    (State.QUARANTINED, Event.CHANGED): changed,
    (State.QUARANTINED, Event.GONE): went,
    (State.READY, Event.FOUND): found_waiting,
    (State.TOMBSTONE, Event.FOUND): found_again,
    (State.TOMBSTONE, Event.RETRY): retried,
    (State.TOMBSTONE, Event.CHANGED): changed,
}


@pytest.mark.parametrize(("before", "event"), TRANSITIONS)
def test_every_arrow_is_crossed_in_the_database(shelf: Shelf, before: State, event: Event) -> None:
    identity = BEFORE[before](shelf)
    assert before is shelf.state()
    remembered = len(shelf.history(identity))

    CROSSINGS[before, event](shelf, identity)

    after = TRANSITIONS[before, event]
    assert after is shelf.state()
    assert shelf.record()["reason"]
    assert (LATER if before is not after else NOW) == shelf.row()["changed_at"]
    # A claim, and its return, have no line: the outcome after them says the same.
    expected = [] if event is Event.CLAIM else [(event, after)]
    assert expected == shelf.history(identity)[remembered:]


def test_every_crossing_is_of_an_arrow() -> None:
    assert set(TRANSITIONS) == set(CROSSINGS)


@pytest.mark.parametrize("before", [state for state in BEFORE if state is not State.SETTLING])
def test_a_new_version_walks_through_settling_to_ready(shelf: Shelf, before: State) -> None:
    identity = BEFORE[before](shelf)
    under_way = before in (State.SENDING, State.DOUBTFUL)
    remembered = len(shelf.history(identity))

    busy = shelf.outbox.enqueue([shelf.candidate(version=2)], now=LATER)

    assert ({(shelf.root.id, "a.csv")} if under_way else set()) == busy
    assert (before if under_way else State.READY) is shelf.state()
    walked = [] if under_way else [(Event.CHANGED, State.SETTLING), (Event.COMPLETE, State.READY)]
    assert walked == shelf.history(identity)[remembered:]


@pytest.mark.parametrize("state", [State.SENDING, State.DOUBTFUL])
def test_what_is_under_way_is_left_alone_by_changes_and_losses(shelf: Shelf, state: State) -> None:
    identity = BEFORE[state](shelf)

    changed(shelf, identity)
    went(shelf, identity)

    assert state is shelf.state()


def test_a_tombstone_stays_when_its_file_goes(shelf: Shelf) -> None:
    went(shelf, tombstone(shelf))

    assert State.TOMBSTONE is shelf.state()


@pytest.mark.parametrize("duplicates_allowed", [False, True])
def test_a_crash_walks_every_sending_file_to_doubtful_and_on_where_that_is_safe(
    shelf: Shelf, duplicates_allowed: bool
) -> None:
    identity = sending(shelf)

    assert 1 == shelf.reopen(duplicates_allowed=duplicates_allowed, now=LATER)

    steps = [(Event.COMPLETE, State.READY), (Event.SILENCE, State.DOUBTFUL)]
    assert steps + ([] if duplicates_allowed else [(Event.ABSENT, State.READY)]) == shelf.history(identity)
