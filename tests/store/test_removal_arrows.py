"""Every arrow of the removals is crossed in a real database, by the methods that the other rooms call."""

import itertools
from collections.abc import Callable

import pytest

from eisync.core.actions import Action, ActionKind, Cause, StoredAction
from eisync.core.lifecycle import REMOVALS, RemovalEvent, RemovalState
from eisync.core.lineage import Own
from eisync.store.actions import ActionStore
from eisync.store.continuity import Lineages
from eisync.store.retention import Removals

from .shelf import NOW, Shelf, facts

LATER = NOW + 50.0


def action(identity: int, kind: ActionKind, cause: Cause) -> Action:
    return Action(
        kind=kind, cause=cause, file_id=identity, root="/data", path="a.csv", reason="so it was", since_at=NOW
    )


def allowed(shelf: Shelf, identity: int, kind: ActionKind) -> StoredAction:
    actions = ActionStore(shelf.database)
    actions.allow("main", [action(identity, kind, Cause.REMOTE_DELETION)], now=LATER)
    [written] = actions.to_do("main", is_retention=False, limit=9)
    return written


def intended(shelf: Shelf, identity: int, kind: ActionKind) -> StoredAction | None:
    removals = Removals(shelf.database)
    file = removals.one(identity)
    assert file is not None
    return removals.begin(file, action(identity, kind, Cause.RETENTION), now=LATER)


def done(kind: ActionKind) -> Callable[[Shelf, int], None]:
    def crossing(shelf: Shelf, identity: int) -> None:
        ActionStore(shelf.database).finish("main", allowed(shelf, identity, kind), "it was done", now=LATER)

    return crossing


def archived(shelf: Shelf, identity: int) -> None:
    intended(shelf, identity, ActionKind.ARCHIVE_FILE)


def intended_deletion(shelf: Shelf, identity: int) -> None:
    intended(shelf, identity, ActionKind.DELETE_FILE)


def confirmed(shelf: Shelf, identity: int) -> None:
    [written] = Removals(shelf.database).under_way()
    ActionStore(shelf.database).finish("main", written, "it was done", now=LATER)


def released(shelf: Shelf, identity: int) -> None:
    removals = Removals(shelf.database)
    [written] = removals.under_way()
    removals.release(written)


def back(shelf: Shelf, identity: int) -> None:
    shelf.outbox.mark_gone([identity], now=LATER)
    shelf.outbox.mark_back([identity], now=LATER)


def undone(shelf: Shelf, identity: int) -> None:
    written = allowed(shelf, identity, ActionKind.TRASH_FILE)
    ActionStore(shelf.database).undone("main", written, "it is back", facts=facts(), now=LATER)


def spared(shelf: Shelf, identity: int) -> None:
    written = allowed(shelf, identity, ActionKind.TRASH_FILE)
    ActionStore(shelf.database).drop(written, "a person said no", spares=True, now=LATER)


def missed(shelf: Shelf, identity: int) -> None:
    shelf.outbox.mark_gone([identity], now=LATER)
    Lineages(shelf.database).note_scanned(shelf.root.id, Own(epoch="e", doubt="why"), "it went", now=LATER)


def renewed(shelf: Shelf, identity: int) -> None:
    shelf.outbox.mark_changed([identity], now=LATER)
    shelf.enqueue(version=2, now=LATER)


def kept(shelf: Shelf, identity: int) -> None:
    intended_deletion(shelf, identity)
    back(shelf, identity)


def untouched(shelf: Shelf, identity: int) -> None:
    """Leave the file as it was uploaded."""


BEFORE: dict[RemovalState, Callable[[Shelf, int], None]] = {
    RemovalState.NONE: untouched,
    RemovalState.TRASHED: done(ActionKind.TRASH_FILE),
    RemovalState.DELETED: intended_deletion,
    RemovalState.ARCHIVED: archived,
    RemovalState.KEPT: kept,
    RemovalState.SPARED: spared,
    RemovalState.UNSEEN: missed,
}
CROSSINGS: dict[RemovalEvent, Callable[[Shelf, int], None]] = {
    RemovalEvent.TRASH: done(ActionKind.TRASH_FILE),
    RemovalEvent.DELETE: done(ActionKind.DELETE_FILE),
    RemovalEvent.ARCHIVE: archived,
    RemovalEvent.CONFIRM: confirmed,
    RemovalEvent.RELEASE: released,
    RemovalEvent.BACK: back,
    RemovalEvent.KEEP: undone,
    RemovalEvent.SPARE: spared,
    RemovalEvent.MISS: missed,
    RemovalEvent.RENEW: renewed,
}
ABSENT = [
    (state, event)
    for state, event in itertools.product(BEFORE, CROSSINGS)
    if (state, event) not in REMOVALS
    # These take back or confirm an intent: without one there is nothing to call them with.
    and event not in (RemovalEvent.CONFIRM, RemovalEvent.RELEASE)
    # The intent of these is still open, and there is only one of a kind.
    and not (event is RemovalEvent.DELETE and state in (RemovalState.DELETED, RemovalState.KEPT))
]


def prepared(shelf: Shelf, state: RemovalState) -> int:
    identity = shelf.sync("a.csv", 7)
    BEFORE[state](shelf, identity)
    assert state is RemovalState(shelf.row()["removal"])
    return identity


@pytest.mark.parametrize(("before", "event"), REMOVALS)
def test_every_arrow_is_crossed_in_the_database(shelf: Shelf, before: RemovalState, event: RemovalEvent) -> None:
    identity = prepared(shelf, before)

    CROSSINGS[event](shelf, identity)

    assert REMOVALS[before, event] is RemovalState(shelf.row()["removal"])


@pytest.mark.parametrize(("before", "event"), ABSENT)
def test_what_is_no_arrow_is_not_written(shelf: Shelf, before: RemovalState, event: RemovalEvent) -> None:
    identity = prepared(shelf, before)

    CROSSINGS[event](shelf, identity)

    assert before is RemovalState(shelf.row()["removal"])


def test_the_database_keeps_the_values_that_it_has() -> None:
    values = [None, "trash", "deleted", "archived", "kept", "spared", "unseen"]

    assert values == [state.value for state in RemovalState]
