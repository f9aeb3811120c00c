import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.file_status import UNREADABLE, FileCounts, Sighting, count, exit_code, prefers_row
from eisync.core.lifecycle import State

SYNCED, SETTLING, READY, GONE, QUARANTINED = (
    State.SYNCED, State.SETTLING, State.READY, State.GONE, State.QUARANTINED,
)  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "sightings", "counted"),
    [
        ({}, [], ({}, 0)),
        ({SYNCED: 2}, [Sighting("settling", None, 3)], ({SYNCED: 2, SETTLING: 3}, 0)),
        ({SETTLING: 2}, [Sighting("settling", "settling", 2)], ({SETTLING: 2}, 0)),
        ({GONE: 1}, [Sighting("settling", "gone", 1)], ({SETTLING: 1}, 0)),
        ({SYNCED: 2}, [Sighting(UNREADABLE, "synced", 1)], ({SYNCED: 1}, 1)),
        ({SYNCED: 1}, [Sighting(UNREADABLE, "synced", 1)], ({}, 1)),
        ({READY: 1}, [Sighting("settling", "ready", 1)], ({READY: 1}, 0)),
        ({State.SENDING: 1}, [Sighting("settling", "sending", 1)], ({State.SENDING: 1}, 0)),
    ],
)
def test_each_file_is_counted_once(
    rows: dict[State, int], sightings: list[Sighting], counted: tuple[dict[State, int], int]
) -> None:
    assert counted == count(rows, sightings)


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
    by_state, unreadable = count(rows, sightings)
    assert sum(rows.values()) + new == sum(by_state.values()) + unreadable
    assert all(number > 0 for number in by_state.values())
    assert all(by_state.get(row, 0) >= rows.get(row, 0) for row in State if prefers_row(row.value))


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
