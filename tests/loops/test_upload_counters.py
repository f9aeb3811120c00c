import dataclasses
from typing import Any

import pytest

from eisync.core.lifecycle import Event
from eisync.core.metrics import LATENCY_BUCKETS_S
from eisync.core.model import Category, FileFacts, Item
from eisync.core.outcome import FailureKind, Outcome, give_back
from eisync.loops.uploader.counters import UploadCounters, UploadResult

NOW = 1_000.0
ITEM = Item(
    id=5,
    root="/data",
    path="a.csv",
    target="main",
    facts=FileFacts(70, 1, 1, ctime_ns=int((NOW - 4.0) * 1e9)),
    label=None,
    category=Category.SPLIT,
)


def counted(*outcomes: Outcome, item: Item = ITEM) -> dict[str, Any]:
    counters = UploadCounters(["main", "other"])
    counters.add([(item, outcome) for outcome in outcomes], NOW)
    return counters.report()


def outcome(event: Event, failure: FailureKind | None = None) -> Outcome:
    return Outcome(item_id=5, events=(event,), failure=failure)


@pytest.mark.parametrize(
    ("one", "result"),
    [
        (outcome(Event.STORED), "stored"),
        (outcome(Event.DUPLICATE), "duplicate"),
        (outcome(Event.FOUND), "duplicate"),
        (outcome(Event.REFUSE, FailureKind.REFUSED), "refused"),
        (outcome(Event.DEFER, FailureKind.THROTTLED), "deferred"),
        (outcome(Event.SILENCE, FailureKind.UNANSWERED), "deferred"),
        (outcome(Event.CHANGED), "changed"),
        (outcome(Event.GONE), "gone"),
        (give_back(ITEM), None),
    ],
)
def test_a_file_is_counted_under_its_result(one: Outcome, result: str | None) -> None:
    report = counted(one, one)
    found = {row["result"]: (row["files"], row["bytes"]) for row in report["uploads"] if row["files"]}
    assert ({result: (2, 140)} if result else {}) == found
    kinds = {row["kind"]: row["files"] for row in report["failures"] if row["files"]}
    assert ({one.failure.value: 2} if one.failure else {}) == kinds


def test_every_target_has_every_result_and_kind_from_the_start() -> None:
    report = counted()
    pairs = {(row["target"], row["result"]) for row in report["uploads"]}
    assert {(target, result.value) for target in ("main", "other") for result in UploadResult} == pairs
    assert 2 * len(FailureKind) == len(report["failures"])
    assert [("main", 0), ("other", 0)] == [(row["target"], sum(row["files"])) for row in report["latency"]]


@pytest.mark.parametrize(
    ("facts", "bucket", "sum_s"),
    [
        (FileFacts(1, 1, 1, ctime_ns=int((NOW - 4.0) * 1e9)), LATENCY_BUCKETS_S.index(5.0), 4.0),
        (FileFacts(1, 1, 1, ctime_ns=int((NOW - 5.0) * 1e9)), LATENCY_BUCKETS_S.index(5.0), 5.0),
        # Without a ctime that proves anything, the time of the last write counts.
        (FileFacts(1, int((NOW - 0.05) * 1e9), 1), 0, 0.05),
        (FileFacts(1, int((NOW - 200_000.0) * 1e9), 1), len(LATENCY_BUCKETS_S), 200_000.0),
    ],
)
def test_the_latency_is_that_from_the_last_change_to_the_storing(facts: FileFacts, bucket: int, sum_s: float) -> None:
    (latency, _) = counted(outcome(Event.STORED), item=dataclasses.replace(ITEM, facts=facts))["latency"]
    assert [bucket] == [place for place, files in enumerate(latency["files"]) if files]
    assert sum_s == pytest.approx(latency["sum_s"])


def test_what_was_stored_before_or_later_by_a_wrong_clock_has_no_latency() -> None:
    later = dataclasses.replace(ITEM, facts=FileFacts(1, int((NOW + 5.0) * 1e9), 1))
    for report in (counted(outcome(Event.DUPLICATE)), counted(outcome(Event.STORED), item=later)):
        assert [0, 0] == [sum(row["files"]) for row in report["latency"]]


def test_only_what_was_stored_counts_for_the_last_hour() -> None:
    counters = UploadCounters(["main"])
    counters.add([(ITEM, outcome(event)) for event in (Event.STORED, Event.DUPLICATE, Event.STORED, Event.GONE)], NOW)
    counters.add([(ITEM, outcome(Event.CHANGED))], NOW + 60.0)
    assert [(2, 140), (0, 0)] == counters.minutes(NOW + 60.0)[-2:]
