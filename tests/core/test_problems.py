from typing import Any

import pytest

from eisync.core.problems import ProblemKind, problems

ROOT: dict[str, Any] = {"path": "/data", "offline": None, "away": [], "watching": {"trouble": None}, "retention": None}
TARGET: dict[str, Any] = {"name": "main", "paused": None, "listing_trouble": None}
LOOP: dict[str, Any] = {"name": "watcher", "age_s": 90.0, "is_fresh": True, "trouble": None}
STATUS: dict[str, Any] = {
    "counts": {"synced": 3},
    "unreadable_folders": 0,
    "reasons": [],
    "oldest_pending_s": None,
    "last_synced_s": 5.0,
    "roots": [ROOT],
    "targets": [TARGET],
    "emptied": {},
    "plans": [],
    "daemon": {"loops": [LOOP], "clock": None, "is_clock_wrong": False},
}


def found(up_s: float = 10_000.0, is_paused: bool = False, **status: Any) -> list[tuple[str, str, str, str]]:
    some = problems({**STATUS, **status}, stalled_s=3600.0, up_s=up_s, is_paused=is_paused)
    return [(one.kind.value, one.about, one.sentence, one.next) for one in some]


def test_all_is_well() -> None:
    assert [] == found()


def group(state: str, reason: str) -> dict[str, Any]:
    return {"state": state, "reason": reason, "next": "eisync ls --state quarantined"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (
            {"targets": [{**TARGET, "paused": "HTTP 401"}]},
            [("refused", "main", "Nothing is sent to main: HTTP 401.", "eisync doctor")],
        ),
        (
            {"targets": [{**TARGET, "listing_trouble": "HTTP 500"}]},
            [("listing", "main", "The project of main cannot be compared: HTTP 500.", "eisync status")],
        ),
        (
            {"emptied": {"main": "the project lost all samples"}},
            [("emptied", "main", "The project lost all samples. eisync waits for your decision.", "eisync plan")],
        ),
        (
            {"plans": [{"actions": 1}]},
            [("plan", "", "1 deletion or change waits for your approval.", "eisync plan")],
        ),
        (
            {"plans": [{"actions": 1000}, {"actions": 2}]},
            [("plan", "", "1,002 deletions or changes wait for your approval.", "eisync plan")],
        ),
        (
            {"counts": {"quarantined": 9_000, "unreadable": 1}, "reasons": [group("quarantined", "bad CSV")]},
            [("stuck", "", "9,001 files need you. The largest group: bad CSV.", "eisync ls --state quarantined")],
        ),
        (
            {"counts": {"unreadable": 1}, "unreadable_folders": 1, "reasons": [group("ready", "it waits")]},
            [("stuck", "", "1 file needs and 1 unreadable folder needs you.", "eisync status")],
        ),
        ({"unreadable_folders": 2}, [("stuck", "", "2 unreadable folders need you.", "eisync status")]),
        (
            {"roots": [{**ROOT, "offline": "it is not there", "watching": None}]},
            [("folder", "/data", "/data: it is not there.", "eisync status")],
        ),
        (
            {"roots": [{**ROOT, "away": ["a disk is away"]}]},
            [("folder", "/data", "/data: a disk is away.", "eisync status")],
        ),
        (
            {"roots": [{**ROOT, "watching": {"trouble": "unexpected"}}]},
            [("folder", "/data", "/data: unexpected.", "eisync status")],
        ),
        (
            {"roots": [{**ROOT, "retention": {"waits_for": "the disk is full"}}]},
            [("retention", "/data", "/data: the disk is full.", "eisync status")],
        ),
        (
            {"daemon": {"loops": [{**LOOP, "trouble": "no space left"}], "clock": None, "is_clock_wrong": False}},
            [("loop", "watcher", "The watcher does not work: no space left.", "eisync doctor")],
        ),
        (
            {"daemon": {"loops": [{**LOOP, "is_fresh": False}], "clock": None, "is_clock_wrong": False}},
            [
                (
                    "loop",
                    "watcher",
                    "The watcher does not work: it has not responded for 2 min.",
                    "eisync doctor",
                )
            ],
        ),
        (
            {"daemon": {"loops": [LOOP], "clock": "it is a day ahead", "is_clock_wrong": True}},
            [("clock", "", "The clock may be wrong: it is a day ahead.", "eisync doctor")],
        ),
        ({"daemon": {"loops": [LOOP], "clock": "no service has told the time yet", "is_clock_wrong": False}}, []),
        ({"daemon": None}, []),
    ],
)
def test_each_problem_has_a_sentence_and_what_to_do(
    status: dict[str, Any], expected: list[tuple[str, str, str, str]]
) -> None:
    assert expected == found(**status)


@pytest.mark.parametrize(
    ("waits_s", "synced_s", "up_s", "is_paused", "for_"),
    [
        (None, 9_000.0, 9_000.0, False, None),
        (3_599.0, 9_000.0, 9_000.0, False, None),
        (7_200.0, 3_599.0, 9_000.0, False, None),  # a long queue that moves
        (7_200.0, 9_000.0, 3_599.0, False, None),  # the machine was off
        (7_200.0, 9_000.0, 9_000.0, True, None),
        (7_200.0, 9_000.0, 9_000.0, False, "2 h"),
        (9_000.0, 3_600.0, 9_000.0, False, "1 h"),
        (7_200.0, None, 9_000.0, False, "2 h"),
    ],
)
def test_files_stall_when_nothing_arrives_for_long(
    waits_s: float | None, synced_s: float | None, up_s: float, is_paused: bool, for_: str | None
) -> None:
    expected = [] if for_ is None else [f"Files wait, and nothing was stored for {for_}."]
    some = found(up_s, is_paused, oldest_pending_s=waits_s, last_synced_s=synced_s)
    assert expected == [sentence for _, _, sentence, _ in some]


def test_kind_and_subject_identify_a_problem() -> None:
    (one,) = problems({**STATUS, "plans": [{"actions": 1}]}, stalled_s=1.0, up_s=0.0, is_paused=False)
    (other,) = problems({**STATUS, "plans": [{"actions": 7}]}, stalled_s=1.0, up_s=0.0, is_paused=False)
    assert ("plan", "plan") == (one.key, other.key)
    assert ProblemKind.PLAN is one.kind
