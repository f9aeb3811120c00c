"""Count files by what is true of them now: by their rows, and by what was observed in their folders.

A row says how far a file got. What was observed says more where the file is not complete yet, or cannot be read. Every
command that counts or lists files decides between the two here, so that all of them say the same.

Pure: counts in, counts out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from eisync.core.lifecycle import PENDING, State

UNREADABLE = "unreadable"
"""The state of a file or folder that cannot be read. No row has it: it is observed, and forgotten when it can be."""

NEEDS_PERSON, WAITS, WELL = 3, 4, 0
"""How `eisync once` and `eisync status` end."""

_ON_THE_WAY = frozenset({State.READY.value, State.SENDING.value, State.DOUBTFUL.value})


@dataclass(frozen=True, slots=True)
class Sighting:
    """So many files were observed to be `state`; their rows say `row_state`, None where they have none."""

    state: str
    row_state: str | None
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCounts:
    """How many files are where.

    `unreadable` files and `folders` cannot be read. Of the files that were sent: `unlisted` were not in the last
    listing of the project, of `vanished` a person is asked what happened, `unconfirmed` were sent to another project,
    and `comparing` were touched since and are to be compared with what was sent.
    """

    by_state: Mapping[State, int] = field(default_factory=dict)
    unreadable: int = 0
    folders: int = 0
    unlisted: int = 0
    vanished: int = 0
    unconfirmed: int = 0
    comparing: int = 0

    @property
    def waiting(self) -> int:
        """How many go on by themselves, with time or with the next run."""
        return sum(self.by_state.get(state, 0) for state in PENDING) + self.unlisted + self.comparing

    @property
    def stuck(self) -> int:
        """How many wait for a person."""
        return self.by_state.get(State.QUARANTINED, 0) + self.unreadable + self.folders + self.vanished

    def counts(self) -> dict[str, int]:
        """Files by the name of their state, those that there are."""
        told = {state.value: self.by_state[state] for state in State if self.by_state.get(state)}
        return {**told, UNREADABLE: self.unreadable} if self.unreadable else told


def prefers_row(row_state: str) -> bool:
    """Return whether the row is believed, not what was observed: a version of the file is on its way."""
    return row_state in _ON_THE_WAY


def count(rows: Mapping[State, int], sightings: Iterable[Sighting]) -> tuple[dict[State, int], int]:
    """Return the files by state, and how many cannot be read, each file once."""
    by_state, unreadable = dict(rows), 0
    for seen in sightings:
        if seen.row_state is not None and prefers_row(seen.row_state):
            continue
        if seen.row_state is not None:
            before = State(seen.row_state)
            by_state[before] = by_state.get(before, 0) - seen.files
        if seen.state == UNREADABLE:
            unreadable += seen.files
        else:
            by_state[State(seen.state)] = by_state.get(State(seen.state), 0) + seen.files
    return {state: number for state, number in by_state.items() if number > 0}, unreadable


def exit_code(census: FileCounts, *, is_blocked: bool = False, is_held_up: bool = False, asks: bool = False) -> int:
    """Return what a command ends with: 0 when all is well, 3 when a person must act, 4 when it goes on by itself.

    `is_blocked`: nothing goes on before a person acts, so that running again does not help. `is_held_up`: a folder or a
    disk is away, or something of ours fails and is tried again. `asks`: a plan waits for a person's yes.
    """
    if is_blocked or census.unconfirmed:
        return NEEDS_PERSON
    if is_held_up or census.waiting:
        return WAITS
    return NEEDS_PERSON if asks or census.stuck else WELL
