import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.file_status import (
    UNREADABLE,
    FileCounts,
    FileTotal,
    Sighting,
    count,
    exit_code,
    files_by_state,
    prefers_row,
)
from eisync.core.lifecycle import State

SYNCED, SETTLING, READY, GONE, QUARANTINED = (
    State.SYNCED, State.SETTLING, State.READY, State.GONE, State.QUARANTINED,
)  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "sightings", "counted"),
    [
        ({}, [], {}),
        ({SYNCED: 2}, [Sighting("settling", None, 3, 30)], {SYNCED: (2, 20), SETTLING: (3, 30)}),
        ({SETTLING: 2}, [Sighting("settling", "settling", 2, 30, 20)], {SETTLING: (2, 30)}),
        ({GONE: 1}, [Sighting("settling", "gone", 1, 7, 10)], {SETTLING: (1, 7)}),
        ({SYNCED: 2}, [Sighting(UNREADABLE, "synced", 1, 8, 10)], {SYNCED: (1, 10), UNREADABLE: (1, 8)}),
        ({SYNCED: 1}, [Sighting(UNREADABLE, "synced", 1, 8, 10)], {UNREADABLE: (1, 8)}),
        ({READY: 1}, [Sighting("settling", "ready", 1, 8, 10)], {READY: (1, 10)}),
        ({State.SENDING: 1}, [Sighting("settling", "sending", 1, 8, 10)], {State.SENDING: (1, 10)}),
    ],
)
def test_each_file_is_counted_once(
    rows: dict[State, int], sightings: list[Sighting], counted: dict[State | str, tuple[int, int]]
) -> None:
    expected = {getattr(state, "value", state): FileTotal(*total) for state, total in counted.items()}
    assert expected == count({state: FileTotal(files, 10 * files) for state, files in rows.items()}, sightings)


@given(
    rows=st.dictionaries(st.sampled_from(State), st.integers(1, 50)),
    new=st.integers(0, 50),
    shares=st.dictionaries(
        st.sampled_from(State), st.tuples(st.sampled_from(["settling", UNREADABLE]), st.floats(0, 1))
    ),
)
def test_no_file_is_lost_or_counted_twice(
    rows: dict[State, int], new: int, shares: dict[State, tuple[str, float]]
) -> None:
    sightings = [Sighting("settling", None, new)]
    sightings += [Sighting(state, row.value, int(rows.get(row, 0) * share)) for row, (state, share) in shares.items()]
    counted = count({state: FileTotal(files) for state, files in rows.items()}, sightings)
    by_state, unreadable = files_by_state([counted])
    assert sum(rows.values()) + new == sum(by_state.values()) + unreadable
    assert all(number > 0 for number in by_state.values())
    assert all(by_state.get(row, 0) >= rows.get(row, 0) for row in State if prefers_row(row.value))


def test_the_counts_of_folders_are_added_up() -> None:
    folders = [{"synced": FileTotal(2, 9), UNREADABLE: FileTotal(1, 1)}, {"synced": FileTotal(3, 1)}]
    assert ({SYNCED: 5}, 1) == files_by_state(folders)


@pytest.mark.parametrize(
    ("census", "more", "code"),
    [
        (FileCounts(by_state={SYNCED: 3, State.TOMBSTONE: 1, GONE: 1}), {}, 0),
        (FileCounts(), {}, 0),
        (FileCounts(by_state={QUARANTINED: 1}), {}, 3),
        (FileCounts(unreadable=1), {}, 3),
        (FileCounts(folders=1), {}, 3),
        (FileCounts(vanished=1), {}, 3),
        (FileCounts(by_state={SYNCED: 1}, unconfirmed=1), {}, 3),
        (FileCounts(), {"asks": True}, 3),
        (FileCounts(), {"is_blocked": True}, 3),
        (FileCounts(by_state={READY: 1}), {"is_blocked": True}, 3),
        (FileCounts(), {"is_held_up": True}, 4),
        (FileCounts(by_state={SETTLING: 1}), {}, 4),
        (FileCounts(by_state={READY: 1}), {}, 4),
        (FileCounts(by_state={State.SENDING: 1}), {}, 4),
        (FileCounts(by_state={State.DOUBTFUL: 1}), {}, 4),
        (FileCounts(by_state={SYNCED: 1}, unlisted=1), {}, 4),
        (FileCounts(by_state={SYNCED: 1}, comparing=1), {}, 4),
        (FileCounts(by_state={SETTLING: 1, QUARANTINED: 1}, folders=1), {"asks": True}, 4),
    ],
)
def test_every_case_has_its_exit_code(census: FileCounts, more: dict[str, bool], code: int) -> None:
    assert code == exit_code(census, **more)


def test_counts_have_only_states_with_files() -> None:
    assert {"synced": 2, "unreadable": 1} == FileCounts(by_state={SYNCED: 2, READY: 0}, unreadable=1).counts()
