"""Observations survive the process that made them, and writing them costs only what changed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eisync.core.file_status import UNREADABLE, ObservedEntry, Sighting, StatusFinding
from eisync.core.lifecycle import State
from eisync.store import observations as module

from .shelf import NOW, Shelf

LATER = NOW + 50.0


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path)
    yield shelf
    shelf.close()


def entry(path: str, reason: str = "still", state: str = "settling", *, is_folder: bool = False) -> ObservedEntry:
    return ObservedEntry("/data", path, 7, reason, state, is_folder=is_folder)


def note(shelf: Shelf, *what: ObservedEntry, beyond: int = 0, keeps: bool = False, now: float = NOW) -> None:
    shelf.index.note_observed(shelf.root.id, what, beyond=beyond, comparing=0, keeps=keeps, now=now)


def noted(shelf: Shelf) -> dict[str, tuple[str, str]]:
    return {one["path"]: (one["state"], one["reason"]) for one in shelf.index.observations.records()}


def test_a_note_takes_the_place_of_the_one_before(shelf: Shelf) -> None:
    note(shelf, entry("a.csv"), entry("day/b.csv"), entry("caf\udce9.csv"))
    assert {
        "a.csv": ("settling", "still"),
        "day/b.csv": ("settling", "still"),
        "caf\udce9.csv": ("settling", "still"),
    } == (noted(shelf))
    note(shelf, entry("a.csv", "it cannot be read", UNREADABLE), now=LATER)
    assert {"a.csv": (UNREADABLE, "it cannot be read")} == noted(shelf)
    note(shelf, now=LATER)
    assert {} == noted(shelf)


def test_before_a_complete_scan_nothing_is_forgotten(shelf: Shelf) -> None:
    note(shelf, entry("a.csv"), beyond=3)
    note(shelf, entry("b.csv"), keeps=True, now=LATER)
    assert {"a.csv", "b.csv"} == set(noted(shelf))
    [root] = shelf.index.roots()
    assert (2, 0) == (root.settling, root.beyond)


def test_a_reason_that_differs_in_its_numbers_is_not_written_anew(shelf: Shelf) -> None:
    note(shelf, entry("a.csv", "promises 9 bytes"))
    note(shelf, entry("a.csv", "promises 8 bytes"), now=LATER)
    assert {"a.csv": ("settling", "promises 9 bytes")} == noted(shelf)
    note(shelf, entry("a.csv", "it is empty"), now=LATER)
    assert {"a.csv": ("settling", "it is empty")} == noted(shelf)


def test_what_was_found_is_counted_with_what_is_beyond(shelf: Shelf) -> None:
    shelf.sync("a.csv", 1, now=NOW - 1.0)
    note(shelf, entry("a.csv", "x", UNREADABLE), entry("b.csv"), entry("c", "x", UNREADABLE, is_folder=True), beyond=5)
    found = shelf.index.observations.found()
    expected = {
        Sighting(UNREADABLE, "synced", 1, 7, 11),
        Sighting("settling", None, 1, 7),
        Sighting("settling", None, 5),
    }
    assert (expected, 1, 5) == (set(found.sightings[shelf.root.id]), found.folders, found.beyond)
    assert [shelf.root.id] == list(found.sightings)
    assert found == shelf.index.observations.found([shelf.root.id])
    assert ({}, 0) == (shelf.index.observations.found([99]).sightings, shelf.index.observations.found([99]).folders)


def test_a_newer_row_is_believed(shelf: Shelf) -> None:
    note(shelf, entry("a.csv"))
    shelf.sync("a.csv", 1, now=LATER)
    assert ({}, {}) == (noted(shelf), shelf.index.observations.found().sightings)


def test_each_file_is_reported_with_one_reason(shelf: Shelf) -> None:
    shelf.sync("a.csv", 1, now=NOW - 1.0)
    shelf.enqueue("b.csv", now=NOW - 1.0)
    note(shelf, entry("a.csv", "x", UNREADABLE), entry("new.csv", "still"))
    findings = shelf.index.observations.reasons([State.SYNCED, State.READY])
    assert {
        StatusFinding(UNREADABLE, "x", 1, "/data/a.csv"),
        StatusFinding("settling", "still", 1, "/data/new.csv"),
        StatusFinding("ready", "waiting for its turn", 1, "/data/b.csv"),
    } == set(findings)


def test_reasons_are_read_up_to_a_limit(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_READ", 3)
    for number in range(5):
        shelf.enqueue(f"{number}.csv", now=NOW)
    assert [3] == [one.files for one in shelf.index.observations.reasons([State.READY])]
