import copy
import re
from typing import Any

import pytest

from eisync.core.metrics import (
    DRIFTS,
    LATENCY_BUCKETS_S,
    METRICS,
    HistogramValue,
    Metric,
    MetricKind,
    MetricValue,
    values,
)

NUMBERS: dict[str, Any] = {
    "counts": {"ready": 3, "synced": 7, "unreadable": 1},
    "unreadable_folders": 2,
    "oldest_pending_s": 30.0,
    "last_synced_at": 990.0,
    "plans": 1,
    "is_paused": True,
    "is_healthy": False,
    "targets": [
        {
            "name": "main",
            "refused": "key",
            "is_held": True,
            "listed_at": 900.0,
            "is_listing_failing": True,
            "drift": {"missing": 1, "extra": 2, "differing": 3},
        }
    ],
    "folders": [
        {
            "id": 4,
            "is_offline": True,
            "scanned_at": 950.0,
            "mode": "polling",
            "is_failing": True,
            "missed": 5,
            "retention": {"files": 6, "bytes": 700, "is_failing": True, "stays": {"unlisted": 8}},
        }
    ],
    "loops": [{"name": "watcher", "age_s": 0.5, "is_failing": True}],
    "process": {
        "version": "1.0",
        "python": "3.11.2",
        "started_at": 100.0,
        "configuration": "ab12",
        "configured_at": 110.0,
        "overflows": 9,
        "is_clock_doubted": True,
    },
    "database": {"bytes": 4096, "wal_bytes": 32, "is_writable": True},
    "disks": [{"place": "state", "free_bytes": 10, "size_bytes": 20}],
    "uploads": {
        "uploads": [{"target": "main", "result": "stored", "files": 11, "bytes": 1200}],
        "failures": [{"target": "main", "kind": "throttled", "files": 13}],
        "latency": [{"target": "main", "files": [1] * (len(LATENCY_BUCKETS_S) + 1), "sum_s": 14.0}],
    },
}
BY_NAME = {metric.name: metric for metric in METRICS}


def found(numbers: dict[str, Any]) -> dict[tuple[str, tuple[str, ...]], float | HistogramValue]:
    return {(one.name, one.labels): one.value for one in values(numbers)}


def test_every_metric_has_a_value_and_every_value_a_metric() -> None:
    assert set(BY_NAME) == {one.name for one in values(NUMBERS)}


def test_a_metric_stands_once_in_the_table() -> None:
    assert len(BY_NAME) == len(METRICS)


@pytest.mark.parametrize("one", [*values(NUMBERS)], ids=lambda one: f"{one.name}-{'-'.join(one.labels)}")
def test_a_value_has_the_labels_of_its_metric(one: MetricValue) -> None:
    metric = BY_NAME[one.name]
    assert len(metric.labels) == len(one.labels)
    assert (metric.kind is MetricKind.HISTOGRAM) == isinstance(one.value, HistogramValue)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_are_as_prometheus_asks_for(metric: Metric) -> None:
    assert re.fullmatch(r"eisync_[a-z_]+", metric.name)
    assert (metric.kind is MetricKind.COUNTER) == metric.name.endswith("_total")
    assert metric.help.endswith(".")
    # What a path, a file or a label of a file would be called. A folder is its number.
    assert not {"path", "file", "label", "root", "reason"} & set(metric.labels)


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("eisync_files", ("ready",), 3.0),
        ("eisync_files", ("tombstone",), 0.0),
        ("eisync_files", ("unreadable",), 1.0),
        ("eisync_healthy", (), 0.0),
        ("eisync_target_refused", ("main", "key"), 1.0),
        ("eisync_target_refused", ("main", "project"), 0.0),
        ("eisync_drift_samples", ("main", "extra"), 2.0),
        ("eisync_folder_watch", ("4", "polling"), 1.0),
        ("eisync_folder_watch", ("4", "events"), 0.0),
        ("eisync_retention_staying_files", ("4", "unlisted"), 8.0),
        ("eisync_upload_failures_total", ("main", "throttled"), 13.0),
    ],
)
def test_values(name: str, labels: tuple[str, ...], expected: float) -> None:
    assert expected == found(NUMBERS)[name, labels]


def test_the_latency_is_a_histogram() -> None:
    expected = HistogramValue((1,) * (len(LATENCY_BUCKETS_S) + 1), 14.0)
    assert expected == found(NUMBERS)["eisync_upload_latency_seconds", ("main",)]


def test_what_is_not_known_has_no_value() -> None:
    numbers = copy.deepcopy(NUMBERS)
    numbers |= {"oldest_pending_s": None, "last_synced_at": None}
    numbers["targets"][0] |= {"listed_at": None, "drift": None}
    numbers["folders"][0] |= {"mode": None, "retention": None, "scanned_at": None}
    names = {one.name for one in values(numbers)}
    gone = {
        "eisync_last_synced_timestamp_seconds",
        "eisync_listed_timestamp_seconds",
        "eisync_drift_samples",
        "eisync_folder_failing",
        "eisync_folder_watch",
        "eisync_folder_missed_total",
        "eisync_folder_scanned_timestamp_seconds",
        "eisync_retention_removed_files_total",
        "eisync_retention_freed_bytes_total",
        "eisync_retention_failing",
        "eisync_retention_staying_files",
    }
    assert set(BY_NAME) - gone == names
    assert 0.0 == found(numbers)["eisync_oldest_pending_seconds", ()]


def test_the_kinds_of_drift_are_those_that_are_counted() -> None:
    assert set(DRIFTS) == set(NUMBERS["targets"][0]["drift"])
