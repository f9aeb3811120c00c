from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from eisync.control.operations import Operations
from eisync.control.running import Running
from eisync.core import metrics
from eisync.core.lifecycle import State
from eisync.core.retention import Why
from eisync.errors import EisyncError
from tests.core.test_metrics import NUMBERS

from .test_operations import NOW, Desk

SECRET_TEXT = "a text of a service, or a path"
WATCHED: dict[str, Any] = {
    "root": "/data/röot",
    "mode": "auto",
    "uses_events": True,
    "reason": None,
    "missed": 3,
    "trouble": None,
}
LIVE: dict[str, Any] = {
    "held": {},
    "lost": None,
    "clock": None,
    "watching": [WATCHED],
    "retention": [],
    "loops": [{"name": "watcher", "age_s": 1.0, "is_fresh": True, "trouble": None}],
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "state")
    yield desk
    desk.database.close()


def numbers(desk: Desk, **live: Any) -> dict[str, Any]:
    places: dict[str, str] = {}

    def counted(asked: Mapping[str, str]) -> dict[str, Any]:
        places.update(asked)
        return {name: NUMBERS[name] for name in ("process", "database", "disks", "uploads")}

    running = Running(live=lambda: {**LIVE, **live}, counted=counted)
    operations = Operations(desk.outbox, desk.index, desk.actions, now=lambda: NOW, running=running)
    (answer,) = operations.answer({"do": "numbers"})
    assert {str(desk.root.id): desk.root.path} == places
    return answer


def test_only_a_running_process_counts(desk: Desk) -> None:
    with pytest.raises(EisyncError, match="start 'eisync run'"):
        desk.ask(is_daemon=False, do="numbers")


def test_the_numbers_are_those_of_the_status(desk: Desk) -> None:
    desk.add("a.csv", State.SYNCED, at=NOW - 12.0)
    desk.add("b.csv", at=NOW - 30.0)
    desk.index.note_scan(desk.root.id, {}, now=NOW - 5.0)
    found = numbers(desk)
    (status,) = desk.ask(do="status")
    assert status["counts"] == found["counts"]
    assert (30.0, NOW - 12.0, 0, False, True) == tuple(
        found[name] for name in ("oldest_pending_s", "last_synced_at", "plans", "is_paused", "is_healthy")
    )
    (folder,) = found["folders"]
    expected = {"id": desk.root.id, "is_offline": False, "scanned_at": NOW - 5.0, "mode": "events", "missed": 3}
    assert {**expected, "is_failing": False, "retention": None} == folder


@pytest.mark.parametrize(
    ("watched", "mode"),
    [
        ({}, "events"),
        ({"uses_events": False, "reason": SECRET_TEXT}, "polling"),
        ({"uses_events": False, "mode": "scan"}, "scan"),
    ],
)
def test_a_folder_is_watched_in_one_of_three_ways(desk: Desk, watched: dict[str, Any], mode: str) -> None:
    (folder,) = numbers(desk, watching=[{**WATCHED, **watched}])["folders"]
    assert mode == folder["mode"]


def test_a_folder_that_nobody_watches_has_no_way(desk: Desk) -> None:
    (folder,) = numbers(desk, watching=[])["folders"]
    assert (None, None, False) == (folder["mode"], folder["missed"], folder["is_failing"])


@pytest.mark.parametrize(
    ("reason", "refused"),
    [
        (None, None),
        ("HTTP 401: Invalid API key", "key"),
        ("the key of target 'main' opens project 7, but its files are in project 6; give the key", "project"),
    ],
)
def test_a_refusal_is_of_the_key_or_the_project(desk: Desk, reason: str | None, refused: str | None) -> None:
    if reason is not None:
        desk.index.pause("main", reason, now=NOW)
    (target,) = numbers(desk, held={"main": SECRET_TEXT})["targets"]
    assert (refused, True) == (target["refused"], target["is_held"])


def test_texts_of_others_are_no_numbers(desk: Desk) -> None:
    desk.add(f"{SECRET_TEXT}.csv", State.QUARANTINED)
    desk.index.note_offline(desk.root.id, SECRET_TEXT)
    desk.index.pause("main", SECRET_TEXT, now=NOW)
    desk.index.note_trouble("main", SECRET_TEXT)
    retention = {
        "root": desk.root.path,
        "files": 1,
        "bytes": 2,
        "waits_for": SECRET_TEXT,
        "stays": {Why.YOUNG.value: 3},
    }
    found = numbers(
        desk,
        held={"main": SECRET_TEXT},
        lost=SECRET_TEXT,
        clock=SECRET_TEXT,
        watching=[{**WATCHED, "trouble": SECRET_TEXT}],
        retention=[retention],
        loops=[{"name": "watcher", "age_s": 99.0, "is_fresh": False, "trouble": SECRET_TEXT}],
    )
    assert SECRET_TEXT not in str(found)
    assert desk.root.path not in str(found)
    assert False is found["is_healthy"]
    values = {(one.name, one.labels): one.value for one in metrics.values(found)}
    assert [1.0] * 6 == [
        values[name, labels]
        for name, labels in [
            ("eisync_loop_failing", ("watcher",)),
            ("eisync_clock_doubted", ()),
            ("eisync_folder_offline", (str(desk.root.id),)),
            ("eisync_folder_failing", (str(desk.root.id),)),
            ("eisync_listing_failing", ("main",)),
            ("eisync_retention_failing", (str(desk.root.id),)),
        ]
    ]
    assert 3.0 == values["eisync_retention_staying_files", (str(desk.root.id), "young")]
