"""What dataset versions prove: which are read, when the listing is read instead, when a deletion counts."""

from dataclasses import replace

import pytest

from eisync.core.change_feed import (
    DatasetVersion,
    FeedResult,
    SampleChange,
    VersionList,
    are_deletions_confirmed,
    explains,
    is_edit_of,
    merge,
    unread_versions,
    why_unusable,
)
from eisync.core.listing import IndexedSample, LastPoll, PollResult
from eisync.core.model import RemoteSample
from eisync.core.studio import editor

BEFORE = LastPoll(newest_id=70, samples=60, modified_at=500.0, swept_at=10_000.0, sweep_s=30.0, version_index=3)


def version(index: int, changes: int = 1, *, is_restore: bool = False) -> DatasetVersion:
    return DatasetVersion(id=100 + index, index=index, changes=changes, is_restore=is_restore)


def sample(sample_id: int, label: str = "wave") -> RemoteSample:
    return RemoteSample(id=sample_id, filename="a", category="training", label=label)


def test_versions_after_the_last_one_read_come_oldest_first() -> None:
    listed = VersionList(versions=(version(5), version(3), version(4)))
    assert [4, 5] == [one.index for one in unread_versions(listed, 3)]
    assert 5 == listed.newest_index
    assert -1 == VersionList().newest_index


@pytest.mark.parametrize(
    ("unread", "samples", "why"),
    [
        ([], 60, None),
        ([version(4), version(5)], 60, None),
        ([version(5)], 60, "a dataset version is missing"),
        ([version(4), version(6)], 60, "a dataset version is missing"),
        ([version(4, is_restore=True)], 60, "a dataset version was restored"),
        ([version(4, 499)], 60, None),
        ([version(4, 500)], 60, "reading the listing takes fewer requests than reading the changes"),
        ([version(4, 2500), version(5, 2500)], 1_000_000, None),
        ([version(4, 2500), version(5, 2501)], 1_000_000, "reading the listing takes fewer requests than"),
    ],
)
def test_incomplete_versions_are_not_used(unread: list[DatasetVersion], samples: int, why: str | None) -> None:
    found = why_unusable(unread, 3, samples=samples)
    assert found is None if why is None else (found or "").startswith(why)


def test_the_last_change_of_a_sample_counts_and_a_deletion_is_final() -> None:
    changes = [
        SampleChange(sample(1, "a")),
        SampleChange(sample(2), is_deleted=True),
        SampleChange(sample(1, "b")),
        SampleChange(sample(2, "c")),
    ]
    assert [SampleChange(sample(1, "b")), SampleChange(sample(2), is_deleted=True)] == merge(changes)


@pytest.mark.parametrize(
    ("known", "applies"),
    [
        (IndexedSample(sample(1)), True),
        (IndexedSample(sample(1), is_gone=True), False),
        (IndexedSample(sample(1), missed=1), False),
        (IndexedSample(sample(1), is_noted=True), False),
        (IndexedSample(sample(1), was_listed=False), False),
    ],
)
def test_the_feed_never_restores_a_sample(known: IndexedSample, applies: bool) -> None:
    assert applies == is_edit_of(known)


@pytest.mark.parametrize(
    ("new", "counted", "deleted", "is_confirmed", "is_explained"),
    [
        (0, 60, 0, True, True),
        (0, 58, 2, True, True),
        (3, 61, 2, True, True),
        (0, 59, 2, False, False),  # fewer are missing than the feed reports
        (0, 57, 2, True, False),  # more are missing than the feed reports
        (0, None, 0, False, False),  # the samples were not counted
    ],
)
def test_the_number_of_samples_is_the_second_witness(
    new: int, counted: int | None, deleted: int, is_confirmed: bool, is_explained: bool
) -> None:
    poll = PollResult(modified_at=600.0, new=new, samples=counted)
    result = FeedResult(deleted=deleted)
    assert is_confirmed == are_deletions_confirmed(BEFORE, poll, result)
    assert is_explained == explains(BEFORE, poll, result)


def test_pending_changes_and_missed_samples_are_not_explained() -> None:
    poll = PollResult(modified_at=600.0, new=0, samples=60)
    assert explains(BEFORE, poll, FeedResult())
    assert not explains(BEFORE, poll, FeedResult(has_pending=True))
    assert not explains(replace(BEFORE, has_missed=True), poll, FeedResult())
    assert not explains(BEFORE, replace(poll, unlisted=1), FeedResult())


@pytest.mark.parametrize(
    ("updated_by", "who"),
    [
        (None, None),
        ("projectApiKey 7", "the API key of eisync"),
        ("projectApiKey 8", "API key 8"),
        ("user 5", "user 5"),
        ("datasetVersionRestore", "the restore of a dataset version"),
        ("oauthClient", "an OAuth client"),
    ],
)
def test_an_edit_has_a_name(updated_by: str | None, who: str | None) -> None:
    assert who == editor(updated_by, 7)
