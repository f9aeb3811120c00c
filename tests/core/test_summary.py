import pytest

from eisync.core.file_status import FileCounts
from eisync.core.lifecycle import State
from eisync.core.summary import ago, sentence

NOW = 10_000.0


@pytest.mark.parametrize(
    ("counts", "last_synced_at", "text"),
    [
        ({}, None, "There are no files yet."),
        ({State.GONE: 3}, None, "There are no files yet."),
        ({State.SYNCED: 1}, NOW - 12, "The only file is in Edge Impulse; last upload 12 s ago."),
        ({State.SYNCED: 1_284}, NOW - 12, "All 1,284 files are in Edge Impulse; last upload 12 s ago."),
        ({State.SYNCED: 2, State.GONE: 5}, None, "All 2 files are in Edge Impulse."),
        ({State.READY: 1}, None, "The only file is not in Edge Impulse: it waits."),
        ({State.QUARANTINED: 1}, None, "The only file is not in Edge Impulse: it is quarantined."),
        ({State.READY: 2}, None, "0 of 2 files are in Edge Impulse; 2 wait."),
        ({State.READY: 2}, NOW - 12, "0 of 2 files are in Edge Impulse; 2 wait."),
        (
            {State.SYNCED: 1, State.READY: 1, State.SENDING: 1, State.DOUBTFUL: 1, State.SETTLING: 1},
            NOW - 7_200,
            "1 of 5 files is in Edge Impulse; last upload 2 h ago; 3 wait and 1 is not complete yet.",
        ),
        (
            {State.SYNCED: 5, State.QUARANTINED: 1, State.TOMBSTONE: 1},
            None,
            "5 of 7 files are in Edge Impulse; 1 is quarantined and 1 was deleted in the project.",
        ),
        (
            {State.SYNCED: 1_000, State.READY: 2_000, State.QUARANTINED: 2, State.TOMBSTONE: 2},
            None,
            "1,000 of 3,004 files are in Edge Impulse; 2,000 wait, 2 are quarantined and 2 were deleted in the "
            "project.",
        ),
    ],
)
def test_one_sentence_sums_up_all_files(counts: dict[State, int], last_synced_at: float | None, text: str) -> None:
    assert text == sentence(FileCounts(by_state=counts), last_synced_at=last_synced_at, now=NOW)


@pytest.mark.parametrize("state", State)
def test_a_file_in_any_state_is_counted_or_gone(state: State) -> None:
    others_than_synced = sentence(FileCounts(by_state={State.SYNCED: 1, state: 1}), last_synced_at=None, now=NOW)

    match state:
        case State.SYNCED | State.GONE:
            assert "The only file is in Edge Impulse." == others_than_synced
        case _:
            assert others_than_synced.startswith("1 of 2 files is in Edge Impulse; 1 ")


def test_a_different_project_confirms_nothing() -> None:
    counted = FileCounts(by_state={State.SYNCED: 12}, unconfirmed=12)
    found = sentence(counted, last_synced_at=NOW, now=NOW, foreign=["main"])
    assert found == (
        "The project of target 'main' is not the one that its files were sent to; 'eisync status' says what to do. "
        "0 of 12 files are in Edge Impulse; 12 were sent to another project."
    )


@pytest.mark.parametrize(
    ("counted", "text"),
    [
        (FileCounts(folders=1), "No files are visible. 1 folder cannot be read; its files are unknown."),
        (
            FileCounts(by_state={State.SYNCED: 1}, folders=2),
            "The only visible file is in Edge Impulse. 2 folders cannot be read; their files are unknown.",
        ),
        (
            FileCounts(by_state={State.SYNCED: 3}, folders=1),
            "All 3 visible files are in Edge Impulse. 1 folder cannot be read; its files are unknown.",
        ),
        (FileCounts(unreadable=1), "The only file is not in Edge Impulse: it cannot be read."),
        (FileCounts(by_state={State.SYNCED: 2}, unreadable=2), "2 of 4 files are in Edge Impulse; 2 cannot be read."),
        (
            FileCounts(by_state={State.SYNCED: 3}, unlisted=1),
            "2 of 3 files are in Edge Impulse; 1 was not in the last listing and will be checked again.",
        ),
        (
            FileCounts(by_state={State.SYNCED: 1}, unlisted=1),
            "The only file is not in Edge Impulse: it was not in the last listing and will be checked again.",
        ),
        (
            FileCounts(by_state={State.SYNCED: 9}, vanished=3),
            "6 of 9 files are in Edge Impulse; 3 are gone from the project and wait for your decision.",
        ),
    ],
)
def test_uncertain_files_are_mentioned(counted: FileCounts, text: str) -> None:
    assert text == sentence(counted, last_synced_at=None, now=NOW)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5.0, "0 s ago"),
        (0.4, "0 s ago"),
        (119.0, "119 s ago"),
        (120.0, "2 min ago"),
        (7_199.0, "120 min ago"),
        (7_200.0, "2 h ago"),
        (172_799.0, "48 h ago"),
        (172_800.0, "2 d ago"),
    ],
)
def test_a_span_of_time_is_put_into_words(seconds: float, text: str) -> None:
    assert text == ago(seconds)
