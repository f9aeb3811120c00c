"""What makes eisync act now: a group again, a scan, a target that refused its key; and what the queue says."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from eisync.control.operations import Operations
from eisync.control.running import Running
from eisync.core.lifecycle import Event, State
from eisync.core.outcome import Outcome
from eisync.errors import ConfigurationError, EisyncError
from tests.control.test_operations import NOW, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "state")
    yield desk
    desk.database.close()


def refuse(desk: Desk, path: str, reason: str) -> None:
    """Store a file that was refused for the reason."""
    desk.add(path)
    [item] = [
        one for one in desk.outbox.claim("main", [desk.root.id], limit=1000, claim=1, now=NOW) if one.path == path
    ]
    desk.outbox.settle([Outcome(item_id=item.id, events=(Event.REFUSE,), reason=reason)], claim=1, now=NOW)


def test_a_group_is_sent_again_and_no_other(desk: Desk) -> None:
    refuse(desk, "a.wav", "row 3 of 'a.wav' is empty")
    refuse(desk, "b.wav", "row 12 of 'b.wav' is empty")
    refuse(desk, "c.wav", "the label is too long")
    [status] = desk.ask(do="status")
    assert [2, 1] == [group["files"] for group in status["reasons"]]
    group = status["reasons"][0]
    assert [{"retried": 2, "unknown": []}] == desk.ask(do="retry", state=group["state"], reason=group["reason"])
    assert [("a.wav", "ready"), ("b.wav", "ready"), ("c.wav", "quarantined")] == desk.states()
    assert [{"retried": 0, "unknown": []}] == desk.ask(do="retry", state="quarantined", reason="of no file")


@pytest.mark.parametrize("state", ["ready", "synced", "", None, 3])
def test_only_what_waits_for_a_person_is_sent_again(desk: Desk, state: Any) -> None:
    with pytest.raises(ConfigurationError, match="only quarantined files"):
        desk.ask(do="retry", state=state, reason="whatever")


def test_a_tombstone_is_sent_again_with_its_group(desk: Desk) -> None:
    desk.add("a.wav", State.TOMBSTONE)
    [record] = desk.ask(do="files")
    assert [{"retried": 1, "unknown": []}] == desk.ask(do="retry", state="tombstone", reason=record["reason"])


# --- scan, recheck


def live(desk: Desk, scanned: list[Any]) -> Operations:
    def scan(roots: Sequence[str] | None) -> list[str]:
        scanned.append(roots)
        return [root for root in ("/data", "/more") if roots is None or root in roots]

    running = Running(scan=scan, recheck=lambda: ["main"])
    return Operations(desk.outbox, desk.index, desk.actions, now=lambda: NOW, running=running)


def test_folders_are_scanned_when_asked(desk: Desk) -> None:
    scanned: list[Any] = []
    operations = live(desk, scanned)
    assert [{"roots": ["/data", "/more"]}] == list(operations.answer({"do": "scan"}))
    assert [{"roots": ["/more"]}] == list(operations.answer({"do": "scan", "roots": ["/more"]}))
    assert [None, ["/more"]] == scanned
    with pytest.raises(EisyncError, match="/nowhere is not a watched folder"):
        list(operations.answer({"do": "scan", "roots": ["/data", "/nowhere"]}))
    with pytest.raises(ConfigurationError, match="not a list of paths"):
        list(operations.answer({"do": "scan", "roots": "/data"}))
    assert [{"targets": ["main"]}] == list(operations.answer({"do": "recheck"}))


@pytest.mark.parametrize("what", ["scan", "recheck"])
def test_without_a_daemon_nothing_acts(desk: Desk, what: str) -> None:
    with pytest.raises(EisyncError, match="no daemon runs"):
        desk.ask(is_daemon=False, do=what)


def test_without_a_daemon_there_is_no_page(desk: Desk) -> None:
    [found] = desk.ask(is_daemon=False, do="page")
    assert (None, None, True) == (found["url"], found["link"], "no daemon runs" in found["why_off"])


@pytest.mark.parametrize(("asked", "given"), [({}, None), ({"valid_s": 60}, 60.0), ({"valid_s": 86_400}, 86_400.0)])
def test_a_link_holds_as_long_as_is_asked(desk: Desk, asked: dict[str, Any], given: float | None) -> None:
    running = Running(page=lambda valid_s: {"held_s": valid_s})
    operations = Operations(desk.outbox, desk.index, desk.actions, now=lambda: NOW, running=running)
    assert [{"held_s": given}] == list(operations.answer({"do": "page", **asked}))
    for wrong in (0, -1, 86_401, True, "60"):
        with pytest.raises(ConfigurationError, match="holds for 1 to 86,400 seconds"):
            list(operations.answer({"do": "page", "valid_s": wrong}))


# --- the queue


def test_the_queue_says_what_waits_and_how_fast_files_go(desk: Desk) -> None:
    empty = {
        "files": 0,
        "bytes": 0,
        "oldest_s": None,
        "files_per_s": 0.0,
        "bytes_per_s": 0.0,
        "left_s": None,
        "hour": None,
    }
    assert [empty] == desk.ask(do="queue")
    for number in range(10):
        desk.add(f"done-{number}.wav", State.SYNCED, at=NOW - 20.0)
    desk.add("old.wav", State.SYNCED, at=NOW - 3600.0)
    for number in range(5):
        desk.add(f"wait-{number}.wav", at=NOW - 90.0)
    assert [
        {**empty, "files": 5, "bytes": 35, "oldest_s": 90.0, "files_per_s": 0.5, "bytes_per_s": 3.5, "left_s": 10.0}
    ] == desk.ask(do="queue")


# --- a plan, page by page


def test_a_plan_that_does_not_wait_has_no_page(desk: Desk) -> None:
    with pytest.raises(EisyncError, match="plan 7 does not wait any more"):
        desk.ask(do="plan", plan=7, after=0, limit=10)
    wrongs: list[dict[str, Any]] = [{"plan": "7"}, {"limit": 0}, {"limit": 100_000}, {"after": None}]
    for wrong in wrongs:
        question: dict[str, Any] = {"plan": 7, "after": 0, "limit": 10, **wrong}
        with pytest.raises(ConfigurationError, match="actions of a plan"):
            desk.ask(do="plan", **question)
