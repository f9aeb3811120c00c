"""Every command tells a waiting file what it waits for, by what the running process says now."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eisync.core.lifecycle import State
from eisync.core.pause import Pause
from eisync.store.pauses import ALL

from .test_operations import NOW, Desk

ROOT = "/data/röot"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Three files that are due, in this order, and one that failed."""
    desk = Desk(tmp_path / "state")
    desk.live |= {"watching": [{"root": ROOT}], "held": {}}
    for number, path in enumerate(("a.csv", "b.csv", "c.csv")):
        desk.add(path, at=NOW - 10.0 + number)
    desk.add("failed.csv", State.READY, at=NOW - 20.0)
    with desk.database.transaction() as connection:
        connection.execute(
            "update file set reason = 'HTTP 503', attempts = 1, due_at = ? where name = x'6661696c65642e637376'",
            (NOW + 12.0,),
        )
    yield desk
    desk.database.close()


def reasons(desk: Desk, *, is_daemon: bool = True, **question: Any) -> dict[str, str]:
    asked = question or {"do": "files"}
    return {one["path"]: one["reason"] for one in desk.ask(is_daemon, **asked) if "path" in one}


def test_files_wait_for_their_turn(desk: Desk) -> None:
    expected = {
        "a.csv": "it is sent next",
        "b.csv": "waiting for its turn: 1 file is before it",
        "c.csv": "waiting for its turn: 2 files are before it",
        "failed.csv": "HTTP 503; tried again in 12 s",
    }
    assert expected == reasons(desk) == reasons(desk, do="files", sort="path")
    assert {"b.csv": expected["b.csv"]} == reasons(desk, do="known", root=ROOT, paths=["b.csv"])
    desk.live["upload"] = {"order": "newest", "max_rate": 1_500_000}
    assert "it is sent next; max_rate limits uploads to 1.5 MB a second" == reasons(desk)["c.csv"]


def test_without_a_process_they_wait_for_one(desk: Desk) -> None:
    assert {"waiting for 'eisync run' or 'eisync once' to send it"} == {
        reason.removeprefix("HTTP 503; ") for reason in reasons(desk, is_daemon=False).values()
    }
    desk.live["watching"] = []  # a process runs, and watches another folder
    assert "waiting for 'eisync run' or 'eisync once' to send it" == reasons(desk)["a.csv"]


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        ({"held": {"main": "the service does not answer"}}, "the service does not answer"),
        ({"held": {"other": "the service does not answer"}}, "it is sent next"),
        ({"upload": {"described_again": [ROOT]}}, "its folder's labelling changed; it is described again before"),
    ],
)
def test_they_wait_for_what_holds_their_target(desk: Desk, live: dict[str, Any], expected: str) -> None:
    desk.live |= live
    assert reasons(desk)["a.csv"].startswith(expected)
    assert reasons(desk)["failed.csv"].startswith("HTTP 503; ")


def test_a_pause_and_a_refused_key_are_named(desk: Desk) -> None:
    desk.index.pauses.begin([desk.root.id], Pause(NOW, 60.0))
    assert "a person paused the uploads for another 60 s; 'eisync resume' continues at once" == reasons(desk)["a.csv"]
    desk.index.pauses.begin([ALL], Pause(NOW, None))
    assert math.isinf(max(desk.index.pauses.now(NOW).values()))
    assert "a person paused the uploads; 'eisync resume' continues" == reasons(desk)["a.csv"]
    desk.index.pause("main", "HTTP 401", now=NOW)
    assert "waiting until its target accepts files again: HTTP 401" == reasons(desk)["a.csv"]


def test_the_status_groups_waiting_files_by_what_they_wait_for(desk: Desk) -> None:
    (status,) = desk.ask(do="status")
    found = [(one["files"], one["reason"], one["example"]) for one in status["reasons"]]
    assert [
        (3, "waiting for its turn", f"{ROOT}/a.csv"),
        (1, "HTTP 503; tried again in 12 s", f"{ROOT}/failed.csv"),
    ] == found
