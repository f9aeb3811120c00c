"""Define the metrics of eisync in one table, and turn what is known of a process into their values.

`METRICS` has every metric: its name, kind, meaning and labels. `values` reads the record that the operation `numbers`
answers, and yields one value for each metric and set of labels. The metrics of `/metrics`, the table in the
documentation, the alert rules and the dashboard all stand on this table.

No path, no label of a file, no file name and no text of a service is ever the value of a label: each would make a new
time series, and pages of metrics are shown to many. A target has its name from the configuration. A watched folder has
its number in the database, because its path says too much; `eisync status --json` shows the number beside the path.

Source: prometheus.io, "Metric and label naming", "Writing exporters".
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

from eisync.core.file_status import UNREADABLE
from eisync.core.lifecycle import State
from eisync.core.model import value

LATENCY_BUCKETS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86_400.0)
"""The upper limits of the buckets of `eisync_upload_latency_seconds`. One more bucket has no limit."""

Labels = tuple[str, ...]


class MetricKind(Enum):
    """How a value may change."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@value
class Metric:
    """A metric. The name of a counter ends in `_total`. `labels` are the names of its labels."""

    name: str
    kind: MetricKind
    help: str
    labels: Labels = ()


@value
class HistogramValue:
    """Numbers of observations by bucket, each not in the buckets before it, and the sum of what was observed."""

    buckets: tuple[int, ...]
    sum: float


@value
class MetricValue:
    """The value of a metric for one set of labels, whose values are in the order of `Metric.labels`."""

    name: str
    labels: Labels
    value: float | HistogramValue


def _gauge(name: str, help_text: str, *labels: str) -> Metric:
    return Metric(f"eisync_{name}", MetricKind.GAUGE, help_text, labels)


def _counter(name: str, help_text: str, *labels: str) -> Metric:
    return Metric(f"eisync_{name}_total", MetricKind.COUNTER, help_text, labels)


METRICS: tuple[Metric, ...] = (
    # The process
    _gauge(
        "build_info", "Always 1. The labels are the versions of eisync and of what it runs on.", "version", "python"
    ),
    _gauge("start_timestamp_seconds", "When this process started."),
    _gauge("healthy", "1 while every loop responds, every folder is processed and the database takes writes."),
    _gauge("loop_heartbeat_age_seconds", "The time since the loop last completed a step.", "loop"),
    _gauge("loop_failing", "1 while the loop fails and is tried again.", "loop"),
    _gauge("clock_doubted", "1 while the clock of this machine may be wrong, so that nothing is deleted."),
    _gauge("configuration_info", "Always 1. The label is a hash of the options in use, without secrets.", "hash"),
    _gauge("configuration_loaded_timestamp_seconds", "When the options in use were read."),
    # Files
    _gauge("files", "Files by state.", "state"),
    _gauge("unreadable_folders", "Folders that cannot be read; the files in them are unknown."),
    _gauge("oldest_pending_seconds", "For how long the oldest file that is not in the project waits; 0: none waits."),
    _gauge("last_synced_timestamp_seconds", "When the last file was found to be in its project."),
    _counter("uploads", "Files that were claimed for sending, by what became of them.", "target", "result"),
    _counter("upload_bytes", "The bytes of these files.", "target", "result"),
    _counter("upload_failures", "Attempts that failed, by kind. One file may fail many times.", "target", "kind"),
    Metric(
        "eisync_upload_latency_seconds",
        MetricKind.HISTOGRAM,
        "The time from the last change of a file, or its arrival in the folder, until it was stored.",
        ("target",),
    ),
    # Targets
    _gauge("target_refused", "1 while nothing is sent because the key or the project was refused.", "target", "what"),
    _gauge("target_held", "1 while nothing is sent because the service does not answer, or uploads pause.", "target"),
    _gauge("uploads_paused", "1 while a person has paused all uploads."),
    _gauge("plans_waiting", "Plans of deletions and changes that wait for a person."),
    _gauge("listed_timestamp_seconds", "When the project was last listed completely.", "target"),
    _gauge("listing_failing", "1 while the project cannot be listed completely.", "target"),
    _gauge("drift_samples", "Differences between index and project since the last listing, by kind.", "target", "kind"),
    # Folders
    _gauge("folder_offline", "1 while the watched folder, or a disk in it, is missing or cannot be read.", "folder"),
    _gauge("folder_failing", "1 while eisync fails to process the folder.", "folder"),
    _gauge("folder_watch", "1 for the way in which the folder is watched now, 0 for the others.", "folder", "mode"),
    _counter("folder_missed", "Files that a scan found and that no event had reported.", "folder"),
    _gauge("folder_scanned_timestamp_seconds", "When the last complete scan of the folder ended.", "folder"),
    _counter("event_overflows", "How often file events were lost because a queue was full."),
    # Disks
    _counter("retention_removed_files", "Files that the retention removed after their upload.", "folder"),
    _counter("retention_freed_bytes", "The bytes of these files.", "folder"),
    _gauge(
        "retention_staying_files", "Files that the retention should remove and may not yet, by reason.", "folder", "why"
    ),
    _gauge("retention_failing", "1 while the retention cannot do what the configuration asks for.", "folder"),
    _gauge("disk_free_bytes", "Free space of the disk. The place is a folder's number, or `state`.", "place"),
    _gauge("disk_size_bytes", "The size of that disk.", "place"),
    _gauge("database_bytes", "The size of the database."),
    _gauge("database_wal_bytes", "The size of its write-ahead log."),
    _gauge("database_writable", "1 while the database takes writes."),
)

DRIFTS = ("missing", "extra", "differing")
"""The kinds of `eisync_drift_samples`."""

WATCH_MODES = ("events", "polling", "scan")
"""The modes of `eisync_folder_watch`. `polling`: events should be used, and cannot be. `scan`: none are wanted."""

REFUSALS = ("key", "project")
"""What `eisync_target_refused` is about."""

_STATES = (*(state.value for state in State), UNREADABLE)


def values(numbers: Mapping[str, Any]) -> Iterator[MetricValue]:
    """Yield the value of every metric, from the answer of the operation `numbers`. What is not known has no value."""
    for name, labels, number in _facts(numbers):
        if number is not None:
            yield MetricValue(name, labels, number if isinstance(number, HistogramValue) else float(number))


_Fact = tuple[str, Labels, "float | HistogramValue | None"]


def _facts(numbers: Mapping[str, Any]) -> Iterator[_Fact]:
    yield from _of_process(numbers)
    yield from _of_files(numbers)
    for target in numbers["targets"]:
        yield from _of_target(target)
    for folder in numbers["folders"]:
        yield from _of_folder(folder)
    yield from _of_uploads(numbers["uploads"])


def _of_process(numbers: Mapping[str, Any]) -> Iterator[_Fact]:
    process, database = numbers["process"], numbers["database"]
    yield "eisync_build_info", (process["version"], process["python"]), 1.0
    yield "eisync_start_timestamp_seconds", (), process["started_at"]
    yield "eisync_healthy", (), numbers["is_healthy"]
    yield "eisync_clock_doubted", (), process["is_clock_doubted"]
    yield "eisync_configuration_info", (process["configuration"],), 1.0
    yield "eisync_configuration_loaded_timestamp_seconds", (), process["configured_at"]
    yield "eisync_event_overflows_total", (), process["overflows"]
    for loop in numbers["loops"]:
        yield "eisync_loop_heartbeat_age_seconds", (loop["name"],), loop["age_s"]
        yield "eisync_loop_failing", (loop["name"],), loop["is_failing"]
    yield "eisync_database_bytes", (), database["bytes"]
    yield "eisync_database_wal_bytes", (), database["wal_bytes"]
    yield "eisync_database_writable", (), database["is_writable"]
    for disk in numbers["disks"]:
        yield "eisync_disk_free_bytes", (disk["place"],), disk["free_bytes"]
        yield "eisync_disk_size_bytes", (disk["place"],), disk["size_bytes"]


def _of_files(numbers: Mapping[str, Any]) -> Iterator[_Fact]:
    for state in _STATES:
        yield "eisync_files", (state,), numbers["counts"].get(state, 0)
    yield "eisync_unreadable_folders", (), numbers["unreadable_folders"]
    yield "eisync_oldest_pending_seconds", (), numbers["oldest_pending_s"] or 0.0
    yield "eisync_last_synced_timestamp_seconds", (), numbers["last_synced_at"]
    yield "eisync_uploads_paused", (), numbers["is_paused"]
    yield "eisync_plans_waiting", (), numbers["plans"]


def _of_target(target: Mapping[str, Any]) -> Iterator[_Fact]:
    name = target["name"]
    for what in REFUSALS:
        yield "eisync_target_refused", (name, what), target["refused"] == what
    yield "eisync_target_held", (name,), target["is_held"]
    yield "eisync_listed_timestamp_seconds", (name,), target["listed_at"]
    yield "eisync_listing_failing", (name,), target["is_listing_failing"]
    for kind in DRIFTS:
        yield "eisync_drift_samples", (name, kind), (target["drift"] or {}).get(kind)


def _of_folder(folder: Mapping[str, Any]) -> Iterator[_Fact]:
    number, retention = str(folder["id"]), folder["retention"]
    yield "eisync_folder_offline", (number,), folder["is_offline"]
    yield "eisync_folder_scanned_timestamp_seconds", (number,), folder["scanned_at"]
    if folder["mode"] is not None:  # a process watches it
        yield "eisync_folder_failing", (number,), folder["is_failing"]
        for mode in WATCH_MODES:
            yield "eisync_folder_watch", (number, mode), folder["mode"] == mode
        yield "eisync_folder_missed_total", (number,), folder["missed"]
    if retention is not None:
        yield "eisync_retention_removed_files_total", (number,), retention["files"]
        yield "eisync_retention_freed_bytes_total", (number,), retention["bytes"]
        yield "eisync_retention_failing", (number,), retention["is_failing"]
        for why, files in retention["stays"].items():
            yield "eisync_retention_staying_files", (number, why), files


def _of_uploads(uploads: Mapping[str, Iterable[Mapping[str, Any]]]) -> Iterator[_Fact]:
    for one in uploads["uploads"]:
        yield "eisync_uploads_total", (one["target"], one["result"]), one["files"]
        yield "eisync_upload_bytes_total", (one["target"], one["result"]), one["bytes"]
    for one in uploads["failures"]:
        yield "eisync_upload_failures_total", (one["target"], one["kind"]), one["files"]
    for one in uploads["latency"]:
        histogram = HistogramValue(tuple(one["files"]), one["sum_s"])
        yield "eisync_upload_latency_seconds", (one["target"],), histogram
