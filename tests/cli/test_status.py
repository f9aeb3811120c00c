"""`eisync status` as text: what a person reads when a file is not sent."""

from typing import Any

import pytest

from eisync.cli.status import _lines
from tests.conftest import Bench, row, until

ROOT: dict[str, Any] = {
    "path": "/r",
    "target": "main",
    "offline": None,
    "scanned_s": None,
    "settling": 0,
    "left_out": {},
    "watching": None,
    "retention": None,
}
STATUS: dict[str, Any] = {
    "sentence": "1 file waits.",
    "counts": {},
    "oldest_pending_s": None,
    "roots": [],
    "plans": [],
    "targets": [
        {"name": "main", "project_id": 7, "paused": None, "listed_s": None, "listing_trouble": None},
        {"name": "other", "project_id": 8, "paused": None, "listed_s": None, "listing_trouble": None},
    ],
    "daemon": None,
}


@pytest.mark.parametrize(
    ("daemon", "expected"),
    [
        (None, []),
        ({"held": {}}, []),
        (
            {"held": {"main": "the service does not answer; eisync tries again in 12 s"}},
            ["  nothing is sent for now: the service does not answer; eisync tries again in 12 s"],
        ),
        (
            {"held": {"main": "these are quiet hours", "other": "these are quiet hours"}},
            ["  nothing is sent for now: these are quiet hours"] * 2,
        ),
    ],
)
def test_the_reason_of_a_held_target_is_shown_below_it(daemon: dict[str, Any] | None, expected: list[str]) -> None:
    lines = list(_lines({**STATUS, "daemon": daemon}))
    assert expected == [line for line in lines if "nothing is sent" in line]
    if len(expected) == 1:
        assert lines.index("target main (project 7)") + 1 == lines.index(expected[0])


def test_a_lost_state_folder_is_shown_for_the_daemon() -> None:
    daemon = {"pid": 7, "version": "1", "loops": [], "lost": "the state folder /s was removed"}
    lines = list(_lines({**STATUS, "roots": [ROOT], "daemon": daemon}))
    assert "  it ends: the state folder /s was removed" == lines[-1]


def test_a_clock_in_doubt_and_an_emptied_project_are_shown() -> None:
    doubt = "the clock of this machine is 400 days ahead of that of host; set it"
    daemon = {"pid": 1, "version": "1", "loops": [], "clock": doubt}
    roots = [{**ROOT, "path": "/data", "scanned_s": 1.0}]
    emptied = {"main": "the project is empty now; it held 9 samples of these files"}
    lines = list(_lines({**STATUS, "roots": roots, "emptied": emptied, "daemon": daemon}))
    assert f"  nothing is emptied, removed or decided: {doubt}" in lines
    assert "  the project is empty now; it held 9 samples of these files" in lines


def test_reasons_are_shown_in_groups_with_the_next_command() -> None:
    group = {
        "state": "quarantined",
        "files": 1200,
        "reason": "WAV header promises 488 bytes, the file has 444",
        "is_varied": True,
        "is_folder": False,
        "example": "/data/a.wav",
        "next": "eisync ls --state quarantined",
    }
    folder = {**group, "state": "unreadable", "files": 1, "is_varied": False, "is_folder": True, "reason": "no rights"}
    lines = list(_lines({**STATUS, "reasons": [group, folder], "more_reasons": 3, "more_files": 7}))
    assert [
        "1,200 files quarantined: WAV header promises 488 bytes, the file has 444, and similar",
        "  such as /data/a.wav",
        "  next: eisync ls --state quarantined",
        "",
        "1 folder not readable: no rights",
        "  /data/a.wav",
        "  next: eisync ls --state quarantined",
        "",
        "and 7 more for 3 other reasons: 'eisync ls' lists them all",
    ] == lines[2:11]


def test_the_answering_process_is_named() -> None:
    daemon = {"pid": 7, "version": "1", "verb": "once", "loops": []}
    lines = list(_lines({**STATUS, "roots": [ROOT], "daemon": daemon}))
    assert "Process 7 runs 'eisync once' (eisync 1) and ends when it is done." == lines[-1]


def test_an_empty_state_is_not_reported_as_all_well(bench: Bench) -> None:
    done = bench.run("status")
    assert (4, True) == (done.returncode, done.stdout.startswith("Nothing to show yet: "))
    assert 4 == bench.status()["exit_code"]


def test_a_target_in_its_quiet_hours_says_so(bench: Bench) -> None:
    bench.configure(upload={"quiet_hours": "00:00-23:59,23:59-00:00"})
    bench.write("wave.1.csv", row(1))
    daemon = bench.daemon()
    try:
        until(lambda: "nothing is sent for now: these are quiet hours" in bench.run("status").stdout)
    finally:
        daemon.kill()
        daemon.wait(timeout=10)


@pytest.mark.parametrize(
    ("writers", "expected"),
    [(None, []), ("eisync asks the kernel who writes its files", ["  eisync asks the kernel who writes its files"])],
)
def test_status_says_how_the_writers_of_a_folder_are_known(writers: str | None, expected: list[str]) -> None:
    watching = {
        "mode": "auto",
        "uses_events": True,
        "reason": None,
        "missed": 0,
        "scan_every_s": 60.0,
        "writers": writers,
    }
    lines = list(_lines({**STATUS, "roots": [{**ROOT, "scanned_s": 1.0, "watching": watching}]}))
    assert expected == [line for line in lines if "writes" in line]


def test_labels_that_are_surely_wrong_are_shown_and_change_no_exit_code(bench: Bench) -> None:
    for number in range(3):
        bench.write(f"IMG_{number:04}.csv", row(number))
    bench.write("wave.1.csv", row(7))
    done = bench.once()
    assert 0 == done.returncode, done.stderr
    said = "labels: 3 labels only tell files apart, such as 'IMG_0000', 'IMG_0001' and 'IMG_0002': "
    assert f"{bench.recordings}: {said}" in done.stderr
    status = bench.status()
    assert 0 == status["exit_code"]
    [[warning]] = [root["label_warnings"] for root in status["roots"]]
    assert ("counters", 3, 3) == (warning["pattern"], warning["labels"], warning["files"])
    assert f"  {said}" in bench.run("status").stdout


def test_a_folder_of_a_process_that_reports_no_label_warnings_is_shown() -> None:
    assert not [line for line in _lines({**STATUS, "roots": [ROOT]}) if "labels:" in line]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"counts": {}, "bytes": {}}, ["  no files yet"]),
        (
            {
                "counts": {"ready": 2, "synced": 1200, "unreadable": 1},
                "bytes": {"ready": 7, "synced": 0, "unreadable": 9},
            },
            ["  1,200 in Edge Impulse (0 bytes), 2 waiting to be sent (7 bytes), 1 not readable (9 bytes)"],
        ),
        ({}, []),  # a running process of an older version
    ],
)
def test_the_files_of_each_folder_are_counted_below_it(more: dict[str, Any], expected: list[str]) -> None:
    lines = list(_lines({**STATUS, "roots": [{**ROOT, **more}]}))
    at = lines.index("folder /r -> main")
    assert [*expected, "  not scanned yet"] == lines[at + 1 : at + 2 + len(expected)]
