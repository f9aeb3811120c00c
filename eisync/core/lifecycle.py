"""Define the states of a file and every allowed transition between them, as data.

A file has one `State` at a time. `step` is the only way from one state to the next, and a pair that is not in
`TRANSITIONS` is a bug. The documentation takes its tables from this one.

DOUBTFUL means that the request was sent and no answer came. If duplicates are refused, sending again is safe and the
answer confirms what is there, so ABSENT follows at once. If they are allowed, only the service's listing can decide.

Beside its state a file has a `RemovalState`: whether eisync removed its copy here. `REMOVALS` is the table of these.
"""

from collections.abc import Iterable
from enum import Enum


class State(Enum):
    """How far a file has come."""

    SETTLING = "settling"  # not known to be complete yet
    READY = "ready"  # complete and labelled; sent when it is due
    SENDING = "sending"  # claimed by a request that is under way
    DOUBTFUL = "doubtful"  # sent, and no answer says whether it arrived
    SYNCED = "synced"  # the service confirmed it
    QUARANTINED = "quarantined"  # parked with a reason until a person acts
    TOMBSTONE = "tombstone"  # a person deleted it at the service: never sent again by itself
    GONE = "gone"  # it vanished before it could be sent


class Event(Enum):
    """What happens to a file."""

    COMPLETE = "complete"  # it is complete
    CUT = "cut"  # it is truncated, and no program continues to write it
    CLAIM = "claim"  # a request takes it
    STORED = "stored"  # the service stored it
    DUPLICATE = "duplicate"  # the service already has these bytes
    DEFER = "defer"  # not now: again when it is due
    REFUSE = "refuse"  # refused, and trying again would not help
    SILENCE = "silence"  # the request was sent, no answer came
    ABSENT = "absent"  # the service does not have it, or sending again is safe
    CHANGED = "changed"  # it is another version now
    GONE = "gone"  # the file is missing
    REMOTE_GONE = "remote_gone"  # its samples were deleted at the service
    REMOVED = "removed"  # it was deleted here, and then eisync deleted its samples
    FOUND = "found"  # the service has these bytes, though they were not sent now
    DELETED_CONTENT = "deleted_content"  # a person deleted these bytes at the service, under any name
    RETRY = "retry"  # a person asks to send it again


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.SETTLING, Event.COMPLETE): State.READY,
    (State.SETTLING, Event.CUT): State.QUARANTINED,
    (State.SETTLING, Event.GONE): State.GONE,
    (State.SETTLING, Event.FOUND): State.SYNCED,
    (State.SETTLING, Event.DELETED_CONTENT): State.TOMBSTONE,
    (State.READY, Event.CLAIM): State.SENDING,
    (State.READY, Event.CHANGED): State.SETTLING,
    (State.READY, Event.GONE): State.GONE,
    (State.READY, Event.FOUND): State.SYNCED,
    (State.SENDING, Event.STORED): State.SYNCED,
    (State.SENDING, Event.DUPLICATE): State.SYNCED,
    (State.SENDING, Event.FOUND): State.SYNCED,
    (State.SENDING, Event.DELETED_CONTENT): State.TOMBSTONE,
    (State.SENDING, Event.DEFER): State.READY,
    (State.SENDING, Event.REFUSE): State.QUARANTINED,
    (State.SENDING, Event.CHANGED): State.SETTLING,
    (State.SENDING, Event.SILENCE): State.DOUBTFUL,
    (State.SENDING, Event.GONE): State.GONE,
    (State.DOUBTFUL, Event.STORED): State.SYNCED,
    (State.DOUBTFUL, Event.ABSENT): State.READY,
    (State.SYNCED, Event.REMOTE_GONE): State.TOMBSTONE,
    (State.SYNCED, Event.CHANGED): State.SETTLING,
    (State.SYNCED, Event.GONE): State.SYNCED,
    (State.SYNCED, Event.REMOVED): State.GONE,
    (State.QUARANTINED, Event.RETRY): State.READY,
    (State.QUARANTINED, Event.CHANGED): State.SETTLING,
    (State.QUARANTINED, Event.GONE): State.GONE,
    (State.TOMBSTONE, Event.RETRY): State.READY,
    (State.TOMBSTONE, Event.FOUND): State.SYNCED,
    (State.TOMBSTONE, Event.CHANGED): State.SETTLING,
}

PENDING = frozenset({State.SETTLING, State.READY, State.SENDING, State.DOUBTFUL})
"""States that a file leaves without a person."""


class RemovalState(Enum):
    """Whether retention or an action removed the local copy of a file, and how."""

    NONE = None  # eisync did not touch it: if it is missing, someone else removed it
    TRASHED = "trash"  # eisync moved it to the trash
    DELETED = "deleted"  # eisync deleted it, or is about to
    ARCHIVED = "archived"  # eisync moved it to the archive, or is about to
    KEPT = "kept"  # a person brought it back: no policy removes it
    SPARED = "spared"  # a person rejected a plan that would have removed it
    UNSEEN = "unseen"  # it disappeared while eisync could not tell who removed it


class RemovalEvent(Enum):
    """What happens to the local copy of a file."""

    TRASH = "trash"  # an action moved it to the trash
    DELETE = "delete"  # an action deleted it, or retention recorded that it will
    ARCHIVE = "archive"  # retention recorded that it will move it to the archive
    CONFIRM = "confirm"  # retention has done what it recorded
    RELEASE = "release"  # retention has not done it
    BACK = "back"  # the file is there again, unchanged
    KEEP = "keep"  # a person put it here although its content was deleted in the project, or undid the removal
    SPARE = "spare"  # a person rejected the plan
    MISS = "miss"  # it is missing, and eisync cannot tell since when
    RENEW = "renew"  # a new version came, or a person sends it again


_S, _E = RemovalState, RemovalEvent

REMOVALS: dict[tuple[RemovalState, RemovalEvent], RemovalState] = {
    (_S.NONE, _E.TRASH): _S.TRASHED,
    (_S.NONE, _E.DELETE): _S.DELETED,
    (_S.NONE, _E.ARCHIVE): _S.ARCHIVED,
    (_S.DELETED, _E.CONFIRM): _S.DELETED,
    (_S.ARCHIVED, _E.CONFIRM): _S.ARCHIVED,
    (_S.DELETED, _E.RELEASE): _S.NONE,
    (_S.ARCHIVED, _E.RELEASE): _S.NONE,
    # The watcher missed the file while retention held it, and then found it as if a person had brought it back.
    (_S.KEPT, _E.RELEASE): _S.NONE,
    (_S.NONE, _E.BACK): _S.NONE,
    (_S.SPARED, _E.BACK): _S.NONE,
    (_S.UNSEEN, _E.BACK): _S.NONE,
    (_S.TRASHED, _E.BACK): _S.KEPT,
    (_S.DELETED, _E.BACK): _S.KEPT,
    (_S.ARCHIVED, _E.BACK): _S.KEPT,
    (_S.KEPT, _E.BACK): _S.KEPT,
    **{(state, _E.KEEP): _S.KEPT for state in _S},
    (_S.NONE, _E.SPARE): _S.SPARED,
    (_S.NONE, _E.MISS): _S.UNSEEN,
    **{(state, _E.RENEW): _S.NONE for state in _S},
}

HERE = frozenset({RemovalState.NONE, RemovalState.KEPT, RemovalState.SPARED})
"""States of a file that should be in its folder. If it is missing, that counts as a deletion."""

RETRIEVABLE = frozenset({RemovalState.DELETED, RemovalState.ARCHIVED})
"""States of a file that retention removed. The project or the archive has the content."""


class IllegalTransitionError(Exception):
    """A transition that is not in the table was tried. This is a bug in eisync, never a problem of a file."""


def step(state: State, event: Event) -> State:
    """Return the state after `event`. Raises IllegalTransitionError for a pair that is not in the table."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransitionError(f"a {state.value} file cannot meet {event.value!r}") from None


def walk(state: State, events: Iterable[Event]) -> State:
    """Return the state after all of `events`, in order."""
    for event in events:
        state = step(state, event)
    return state


def step_removal(state: RemovalState, event: RemovalEvent) -> RemovalState:
    """Return the removal state after `event`. Raises IllegalTransitionError for a pair that is not in `REMOVALS`."""
    try:
        return REMOVALS[state, event]
    except KeyError:
        raise IllegalTransitionError(f"a file of removal state {state.name} cannot meet {event.value!r}") from None


def removal_sources(event: RemovalEvent) -> tuple[RemovalState, ...]:
    """Return the removal states in which `event` may happen, in the order of the enum."""
    return tuple(state for state in RemovalState if (state, event) in REMOVALS)


def can(state: State, event: Event) -> bool:
    """Return whether `event` may happen to a file in `state`."""
    return (state, event) in TRANSITIONS


def sources(event: Event) -> tuple[State, ...]:
    """Return the states in which `event` may happen, in the order of the table."""
    return tuple(state for state, happening in TRANSITIONS if happening is event)
