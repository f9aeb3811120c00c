"""The reconciler follows a project's change feed, and reads the listing where the feed does not tell everything."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from eisync.core.change_feed import ChangePage, DatasetVersion, SampleChange, VersionList
from eisync.core.guard import Guard
from eisync.core.lifecycle import State
from eisync.errors import EisyncError, KeyRefusedError, StudioError, UnansweredError
from eisync.loops.actions.planner import GuardLedger
from eisync.store.actions import ActionStore
from tests.fakes import RIGHT, Cloud

from .test_listing_sync import belief, delete, edit, swept
from .test_reconciler import Sweep, project, synced
from .yard import Yard

SYNCED, TOMBSTONE = State.SYNCED, State.TOMBSTONE


@pytest.fixture
def cloud() -> Cloud:
    """A service that has dataset versions, and tells when it was changed last."""
    cloud = Cloud()
    cloud.changed_at = 1.0
    cloud.versions = VersionList()
    return cloud


def close_window(cloud: Cloud, *changes: SampleChange, **more: Any) -> None:
    """The window of these changes became a version."""
    assert cloud.versions is not None
    index = cloud.versions.newest_index + 1
    one = DatasetVersion(id=900 + index, index=index, changes=len(changes), **more)
    cloud.versions = VersionList(versions=(one, *cloud.versions.versions))
    cloud.changes_of[one.id] = list(changes)


def set_pending(cloud: Cloud, has_pending: bool) -> None:
    assert cloud.versions is not None
    cloud.versions = replace(cloud.versions, has_pending=has_pending)


def listed_once(yard: Yard, cloud: Cloud, *names: str, page_size: int = 1000) -> tuple[Sweep, dict[str, int]]:
    """A project whose listing was read as a whole once."""
    ids = synced(yard, cloud, *names)
    sweep = Sweep(yard, project(cloud, page_size=page_size))
    sweep.run()
    assert swept(sweep)
    return sweep, ids


def test_edits_and_deletions_are_known_without_reading_the_listing(yard: Yard, cloud: Cloud) -> None:
    sweep, ids = listed_once(yard, cloud, "a.csv", "b.csv", "c.csv")
    gone = cloud.samples[ids["b.csv"]]
    edit(cloud, ids["a.csv"], label="wave", updated_by="user 5")
    delete(cloud, gone.id)
    close_window(cloud, SampleChange(cloud.samples[ids["a.csv"]]), SampleChange(gone, is_deleted=True))
    before = cloud.questions
    sweep.run(after_s=300.0)
    assert not swept(sweep)
    # The instant, the newest page, the count, the versions, their changes, the deleted sample.
    assert 6 == cloud.questions - before
    assert "wave" == belief(yard, ids["a.csv"]).label
    assert {"a.csv": SYNCED, "b.csv": TOMBSTONE, "c.csv": SYNCED} == yard.states()
    report = sweep.loop.reports()["main"]
    assert (1, 1, 1) == (report.changed, report.unlisted, report.tombstoned)
    history = yard.database._connection.execute("select detail from history where event = 'edited'").fetchall()
    assert ["label 'idle' became 'wave' at the service (by user 5)"] == [row["detail"] for row in history]
    sweep.run(after_s=300.0)
    assert (8, False) == (cloud.questions - before, swept(sweep))  # nothing changed: the instant and the newest page


@pytest.mark.parametrize(
    ("updated_by", "who"), [("projectApiKey 1", "the API key of eisync"), ("projectApiKey 2", "API key 2")]
)
def test_an_edit_of_our_own_key_is_told_from_others(yard: Yard, cloud: Cloud, updated_by: str, who: str) -> None:
    sweep, ids = listed_once(yard, cloud, "a.csv")
    edit(cloud, ids["a.csv"], label="wave", updated_by=updated_by)
    close_window(cloud, SampleChange(cloud.samples[ids["a.csv"]]))
    sweep.run(after_s=300.0)
    assert [f"sample {ids['a.csv']}: label 'idle' became 'wave' (by {who})"] == sweep.loop.reports()["main"].details


def test_a_change_that_is_no_sample_s_costs_no_sweep(yard: Yard, cloud: Cloud) -> None:
    sweep, _ = listed_once(yard, cloud, "a.csv")
    assert cloud.changed_at is not None
    cloud.changed_at += 1.0  # a model was trained, say
    sweep.run(after_s=300.0)
    assert not swept(sweep)
    assert [sweep.clock.now] == [target.listed_at for target in yard.index.targets()]


def test_the_listing_is_still_read_when_the_interval_has_passed(yard: Yard, cloud: Cloud) -> None:
    sweep, ids = listed_once(yard, cloud, "a.csv")
    edit(cloud, ids["a.csv"], label="wave")  # and the feed does not say so
    sweep.run(after_s=6 * 3600.0)
    assert (True, "the interval has passed") == (swept(sweep), sweep.loop.reports()["main"].why)
    assert "wave" == belief(yard, ids["a.csv"]).label


def _no_versions(cloud: Cloud) -> None:
    cloud.versions = None


def _gap(cloud: Cloud) -> None:
    cloud.versions = VersionList(versions=(DatasetVersion(id=905, index=5, changes=0),))


def _restored(cloud: Cloud) -> None:
    close_window(cloud, is_restore=True)


def _raises(error: EisyncError) -> Callable[[Cloud], None]:
    def spoil(cloud: Cloud) -> None:
        cloud.feed_answer = error

    return spoil


def _ends_early(cloud: Cloud) -> None:
    cloud.feed_answer = ChangePage((), 2)


def _unread(cloud: Cloud) -> None:
    cloud.feed_answer = ChangePage((), 1, unread=1)


@pytest.mark.parametrize(
    "spoil",
    [
        _no_versions,
        _gap,
        _restored,
        _ends_early,
        _unread,
        _raises(StudioError("no permission", status=200)),
        _raises(UnansweredError("cannot be understood")),
    ],
)
def test_where_the_feed_cannot_be_used_the_listing_tells(
    yard: Yard, cloud: Cloud, spoil: Callable[[Cloud], None]
) -> None:
    sweep, ids = listed_once(yard, cloud, "a.csv", "b.csv")
    edit(cloud, ids["a.csv"], label="wave")
    close_window(cloud, SampleChange(cloud.samples[ids["a.csv"]]))
    spoil(cloud)
    sweep.run(after_s=300.0)
    assert (True, "wave") == (swept(sweep), belief(yard, ids["a.csv"]).label)
    assert {} == sweep.loop.troubles()


def test_a_refused_key_ends_the_pass(yard: Yard, cloud: Cloud) -> None:
    sweep, ids = listed_once(yard, cloud, "a.csv")
    edit(cloud, ids["a.csv"], label="wave")
    close_window(cloud, SampleChange(cloud.samples[ids["a.csv"]]))
    _raises(KeyRefusedError("no"))(cloud)
    sweep.run(after_s=300.0)
    assert isinstance(sweep.loop.troubles()["main"], KeyRefusedError)


@pytest.mark.parametrize("is_counted", [True, False])
def test_a_feed_that_lies_about_a_deletion_is_not_believed(yard: Yard, cloud: Cloud, is_counted: bool) -> None:
    sweep, ids = listed_once(yard, cloud, "a.csv", "b.csv")
    if is_counted:  # another sample is gone, so the number agrees
        delete(cloud, ids["b.csv"])
    else:
        edit(cloud, ids["b.csv"], label="wave")
    close_window(cloud, SampleChange(cloud.samples[ids["a.csv"]], is_deleted=True))
    for _ in range(3):
        sweep.run(after_s=300.0)
    assert SYNCED == yard.states()["a.csv"]
    assert "feed.contradicted" in yard.log.events()
    assert (TOMBSTONE if is_counted else SYNCED) == yard.states()["b.csv"]  # after two sweeps, as without a feed


def test_a_large_project_waits_for_what_no_version_holds_yet(yard: Yard, cloud: Cloud) -> None:
    names = [f"{number}.csv" for number in range(12)]
    sweep, ids = listed_once(yard, cloud, *names, page_size=2)
    gone = cloud.samples[ids["3.csv"]]
    delete(cloud, gone.id)
    set_pending(cloud, True)
    for _ in range(3):
        sweep.run(after_s=300.0)
        assert not swept(sweep)
    assert SYNCED == yard.states()["3.csv"]
    close_window(cloud, SampleChange(gone, is_deleted=True))
    sweep.run(after_s=300.0)
    assert (False, TOMBSTONE) == (swept(sweep), yard.states()["3.csv"])


def test_a_small_project_does_not_wait(yard: Yard, cloud: Cloud) -> None:
    sweep, ids = listed_once(yard, cloud, "a.csv", "b.csv")
    edit(cloud, ids["a.csv"], label="wave")
    set_pending(cloud, True)
    sweep.run(after_s=300.0)
    assert (True, "wave") == (swept(sweep), belief(yard, ids["a.csv"]).label)


def test_more_deletions_than_the_guard_allows_wait_for_a_person(yard: Yard, cloud: Cloud) -> None:
    names = [f"{number}.csv" for number in range(60)]
    ids = synced(yard, cloud, *names)
    guarding = GuardLedger(ActionStore(yard.database), Guard(), RIGHT)
    sweep = Sweep(yard, project(cloud), guarding=guarding)
    sweep.run()
    gone = [cloud.samples[ids[name]] for name in names[:50]]
    delete(cloud, *(one.id for one in gone))
    close_window(cloud, *(SampleChange(one, is_deleted=True) for one in gone))
    before = cloud.questions
    sweep.run(after_s=300.0)
    report = sweep.loop.reports()["main"]
    assert (False, 50, 0) == (report.swept, report.waiting, report.tombstoned)
    assert {SYNCED} == set(yard.states().values())
    assert cloud.questions - before < 10


def test_a_version_that_is_older_than_the_listing_brings_nothing_back(yard: Yard, cloud: Cloud) -> None:
    sweep, ids = listed_once(yard, cloud, "a.csv", "b.csv")
    gone = cloud.samples[ids["a.csv"]]
    delete(cloud, gone.id)
    set_pending(cloud, True)
    sweep.run(after_s=300.0)
    sweep.run(after_s=300.0)
    assert TOMBSTONE == yard.states()["a.csv"]  # the listing told
    close_window(cloud, SampleChange(replace(gone, label="wave")))  # of before the deletion, which is in none yet
    assert cloud.changed_at is not None
    cloud.changed_at += 1.0
    sweep.run(after_s=300.0)
    assert TOMBSTONE == yard.states()["a.csv"]


def test_a_dry_run_reads_the_feed_and_writes_nothing(yard: Yard, cloud: Cloud) -> None:
    sweep, ids = listed_once(yard, cloud, "a.csv", "b.csv")
    gone = cloud.samples[ids["a.csv"]]
    delete(cloud, gone.id)
    close_window(cloud, SampleChange(gone, is_deleted=True))
    ticket = sweep.loop.ask_pass(dry_run=True)
    sweep.run()
    assert sweep.loop.report(ticket) is not None
    assert (False, 1) == (swept(sweep), sweep.loop.reports()["main"].unlisted)
    assert {"a.csv": SYNCED, "b.csv": SYNCED} == yard.states()
