from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eisync.control.operations import Operations
from eisync.control.running import Running
from eisync.core.file_status import ObservedEntry
from eisync.core.labels.split import Placement
from eisync.core.lifecycle import Event, State
from eisync.core.model import Candidate, Category, FileFacts, Root
from eisync.core.outcome import Outcome
from eisync.errors import ConfigurationError, EisyncError, StateError
from eisync.store.actions import ActionStore
from eisync.store.database import open_database
from eisync.store.index import Index
from eisync.store.outbox import Outbox
from tests.conftest import list_sample
from tests.empty_state import make_state

NOW = 1_000_000.0
SETTLED = {
    State.SYNCED: (Event.STORED,),
    State.QUARANTINED: (Event.REFUSE,),
    State.DOUBTFUL: (Event.SILENCE,),
    State.GONE: (Event.GONE,),
    State.SETTLING: (Event.CHANGED,),
    State.READY: (Event.DEFER,),
}


class Desk:
    """Operations over a real database, with the live parts of a daemon."""

    def __init__(self, folder: Path) -> None:
        make_state(folder)
        self.database, _ = open_database(str(folder), exclusive=True)
        self.outbox = Outbox(self.database)
        self.index = Index(self.database)
        self.actions = ActionStore(self.database)
        self.index.register(["main"])
        (self.root,) = self.outbox.register([("/data/röot", "main")])
        self.live: dict[str, Any] = {"pid": 1, "loops": []}
        self.observed: list[dict[str, Any]] = []

    def operations(self, *, is_daemon: bool = True) -> Operations:
        if not is_daemon:
            return Operations(self.outbox, self.index, self.actions, now=lambda: NOW)
        return Operations(
            self.outbox,
            self.index,
            self.actions,
            now=lambda: NOW,
            running=Running(
                live=lambda: self.live,
                observed=lambda: list(self.observed),
                observed_at=lambda root, paths: [
                    record for record in self.observed if record["root"] == root and record["path"] in paths
                ],
            ),
        )

    def ask(self, is_daemon: bool = True, **question: object) -> list[dict[str, Any]]:
        return list(self.operations(is_daemon=is_daemon).answer(question))

    def add(self, path: str, state: State = State.READY, *, at: float = NOW, root: Root | None = None) -> None:
        """Store a file that reached `state` at an instant."""
        root = root or self.root
        facts = FileFacts(7, 1, len(path))
        candidate = Candidate(
            root_id=root.id, path=path, target="main", facts=facts, label="idle", category=Category.SPLIT
        )
        self.outbox.enqueue([candidate], now=at)
        if state is State.READY:
            return
        items = self.outbox.claim("main", [root.id], limit=1000, claim=1, now=at)
        mine = [item for item in items if item.path == path]
        others = [Outcome(item_id=i.id, events=(Event.DEFER,), due_at=at) for i in items if i.path != path]
        self.outbox.settle(others, claim=1, now=at)
        if state is State.TOMBSTONE:
            stored = Outcome(item_id=mine[0].id, events=(Event.STORED,), sample_ids=(99,))
            self.outbox.settle([stored], claim=1, now=at)
            list_sample(self.database, 99)
            self.index.make_tombstones("main", 99, now=at)
        elif state is not State.SENDING:
            self.outbox.settle([Outcome(item_id=mine[0].id, events=SETTLED[state])], claim=1, now=at)

    def observe(self, path: str) -> None:
        self.observed.append({"path": path, "root": self.root.path, "state": "settling", "reason": "unchanged for 1 s"})

    def note(self, *what: str, beyond: int = 0, now: float = NOW) -> None:
        """Store these observations as an ending process does: `path`, or `path:state`; a folder ends with a slash."""
        seen = []
        for one in what:
            path, _, state = one.partition(":")
            folder = path.endswith("/")
            seen.append(
                ObservedEntry(self.root.path, path.rstrip("/"), 7, "so it is", state or "settling", is_folder=folder)
            )
        self.index.note_observed(self.root.id, seen, beyond=beyond, comparing=0, keeps=False, now=now)

    def states(self, is_daemon: bool = True, **question: object) -> list[tuple[str, str]]:
        records = self.ask(is_daemon=is_daemon, do="files", **question)
        return [(record["path"], record["state"]) for record in records]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "state")
    yield desk
    desk.database.close()


# --- status


def test_an_empty_state_has_empty_answers(desk: Desk) -> None:
    (status,) = desk.ask(do="status")
    assert ("There are no files yet.", {}) == (status["sentence"], status["counts"])
    assert (None, None) == (status["oldest_pending_s"], status["last_synced_s"])


def test_status_reports_everything(desk: Desk) -> None:
    desk.add("a.csv", State.SYNCED, at=NOW - 12.0)
    desk.add("b.csv", State.QUARANTINED, at=NOW - 50.0)
    desk.add("c.csv", at=NOW - 30.0)
    desk.index.note_scan(desk.root.id, {"a FIFO": 2}, now=NOW - 5.0)
    desk.index.note_offline(desk.root.id, "not there")
    desk.index.identify("main", 7)
    desk.index.pause("main", "HTTP 401", now=NOW)
    desk.index.note_trouble("main", "no rights")
    (status,) = desk.ask(do="status")
    assert "1 of 3 files is in Edge Impulse; last upload 12 s ago; 1 waits and 1 is quarantined." == status["sentence"]
    assert {"ready": 1, "synced": 1, "quarantined": 1} == status["counts"]
    assert (30.0, 12.0) == (status["oldest_pending_s"], status["last_synced_s"])
    assert [
        {
            "id": desk.root.id,
            "path": "/data/röot",
            "target": "main",
            "offline": "not there",
            "away": [],
            "scanned_s": 5.0,
            "counts": {"ready": 1, "synced": 1, "quarantined": 1},
            "bytes": {"ready": 7, "synced": 7, "quarantined": 7},
            "settling": 0,
            "comparing": 0,
            "left_out": {"a FIFO": 2},
            "remarks": [],
            "label_warnings": [],
            "watching": None,
            "retention": None,
        }
    ] == status["roots"]
    assert [
        {
            "name": "main",
            "project_id": 7,
            "paused": "HTTP 401",
            "listed_s": None,
            "listing_trouble": "no rights",
            "inference_trouble": None,
            "straddling": [],
        }
    ] == status["targets"]
    assert desk.live == status["daemon"]
    assert 3 == status["exit_code"]  # the target is paused
    assert [("quarantined", 1, "/data/röot/b.csv"), ("ready", 1, "/data/röot/c.csv")] == [
        (group["state"], group["files"], group["example"]) for group in status["reasons"]
    ]


@pytest.mark.parametrize("is_daemon", [True, False])
def test_what_was_observed_is_counted_with_a_daemon_and_without(desk: Desk, is_daemon: bool) -> None:
    desk.add("a.csv", State.SYNCED)
    desk.add("b.csv", State.SYNCED)
    desk.note("new.csv", "b.csv:unreadable", "closed/:unreadable", beyond=7)
    (status,) = desk.ask(do="status", is_daemon=is_daemon)
    assert {"synced": 1, "settling": 8, "unreadable": 1} == status["counts"]
    assert (1, 4, 8) == (status["unreadable_folders"], status["exit_code"], status["roots"][0]["settling"])
    reported = [(group["state"], group["files"], group["is_folder"]) for group in status["reasons"]]
    assert [("unreadable", 1, True), ("unreadable", 1, False), ("settling", 1, False)] == sorted(reported, reverse=True)
    assert (0, 7) == (status["more_reasons"], status["more_files"])


def test_what_was_observed_is_listed_after_the_end_of_the_process(desk: Desk) -> None:
    desk.add("a.csv", State.SYNCED)
    desk.add("b.csv", State.SYNCED)
    desk.add("c.csv", State.READY)
    desk.note("new.csv", "b.csv:unreadable", "c.csv", "closed/:unreadable")
    expected = {
        "a.csv": "synced",
        "b.csv": "unreadable",
        "c.csv": "ready",
        "new.csv": "settling",
        "closed": "unreadable",
    }
    assert expected == dict(desk.states(is_daemon=False))
    by_state = {
        state: dict(desk.states(is_daemon=False, state=state))
        for state in ("synced", "unreadable", "settling", "ready")
    }
    assert {
        "synced": {"a.csv": "synced"},
        "unreadable": {"b.csv": "unreadable", "closed": "unreadable"},
        "settling": {"new.csv": "settling"},
        "ready": {"c.csv": "ready"},
    } == by_state
    paths = ["a.csv", "b.csv", "c.csv", "new.csv", "closed/x.csv", "closed/deep/y.csv", "nothing.csv"]
    known = {one["path"]: one for one in desk.ask(do="known", root="/data/röot", paths=paths, is_daemon=False)}
    assert {**expected, "closed/x.csv": "unreadable", "closed/deep/y.csv": "unreadable"} == {
        **{path: one["state"] for path, one in known.items()},
        "closed": "unreadable",
    }
    assert "so it is for eisync: closed" == known["closed/x.csv"]["reason"]
    records = desk.ask(do="files", state="unreadable", is_daemon=False)
    assert [None, True] == [record.get("is_folder") for record in records]
    assert ["idle", None] == [record["label"] for record in records]


def test_a_row_that_changed_after_the_note_is_believed(desk: Desk) -> None:
    desk.note("a.csv", "b.csv", "gone.csv", now=NOW - 10.0)
    desk.add("a.csv", State.SYNCED, at=NOW)
    desk.add("b.csv", State.SYNCED, at=NOW - 20.0)
    desk.add("gone.csv", State.GONE, at=NOW)
    assert {"a.csv": "synced", "b.csv": "settling", "gone.csv": "gone"} == dict(desk.states(is_daemon=False))
    (status,) = desk.ask(do="status", is_daemon=False)
    assert {"synced": 1, "settling": 1, "gone": 1} == status["counts"]


def test_a_clock_that_was_set_back_gives_no_negative_ages(desk: Desk) -> None:
    desk.add("a.csv", State.SYNCED, at=NOW + 500.0)
    desk.add("b.csv", at=NOW + 500.0)
    (status,) = desk.ask(do="status")
    assert (0.0, 0.0) == (status["oldest_pending_s"], status["last_synced_s"])


# --- files


def test_every_file_has_a_line(desk: Desk) -> None:
    for state in State:
        desk.add(f"{state.value}.csv", state)
    assert {(f"{state.value}.csv", state.value) for state in State} == set(desk.states())


@pytest.mark.parametrize("state", list(State))
def test_files_are_shown_by_state(desk: Desk, state: State) -> None:
    for other in State:
        desk.add(f"{other.value}.csv", other)
    assert [(f"{state.value}.csv", state.value)] == desk.states(state=state.value)


def test_an_unknown_state_is_refused(desk: Desk) -> None:
    wrong: list[object] = ["sync", "", 5, [], {"a": 1}]
    for state in wrong:
        with pytest.raises(ConfigurationError, match=r"there is no state .*; there are settling, ready"):
            desk.ask(do="files", state=state)


def test_a_new_file_that_settles_is_listed_although_it_is_in_no_row(desk: Desk) -> None:
    desk.add("a.csv")
    desk.observe("new.csv")
    assert [("a.csv", "ready"), ("new.csv", "settling")] == desk.states()
    assert [("new.csv", "settling")] == desk.states(state="settling")
    assert [("a.csv", "ready")] == desk.states(state="ready")


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (State.SETTLING, "settling"),
        (State.SENDING, "sending"),
        (State.DOUBTFUL, "doubtful"),
        (State.GONE, "settling"),
        (State.READY, "ready"),
    ],
)
def test_a_file_has_one_state_even_while_its_next_version_settles(desk: Desk, state: State, shown: str) -> None:
    desk.add("a.csv", state)
    desk.observe("a.csv")
    assert [("a.csv", shown)] == desk.states()


def test_a_file_that_is_back_is_not_listed_as_gone(desk: Desk) -> None:
    desk.add("a.csv", State.GONE)
    desk.observe("a.csv")
    assert [] == desk.states(state="gone")


# --- history


def test_the_history_is_returned_oldest_first(desk: Desk) -> None:
    desk.add("a.csv", State.SYNCED, at=NOW)
    desk.add("caf\udce9.csv", State.QUARANTINED, at=NOW + 1)
    everything = [
        ("a.csv", "complete"),
        ("a.csv", "stored"),
        ("caf\udce9.csv", "complete"),
        ("caf\udce9.csv", "refuse"),
    ]
    reported = [(line["path"], line["event"]) for line in desk.ask(do="history", path=None, limit=50)]
    assert everything == reported
    assert everything[-1:] == [(line["path"], line["event"]) for line in desk.ask(do="history", path=None, limit=1)]
    one = desk.ask(do="history", path="/data/röot/caf\udce9.csv")
    assert [(NOW + 1, "complete"), (NOW + 1, "refuse")] == [(line["at"], line["event"]) for line in one]


@pytest.mark.parametrize("question", [{}, {"limit": 0}, {"limit": "1"}, {"limit": 10_001}, {"path": 1}])
def test_an_invalid_request_for_history_is_refused(desk: Desk, question: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        desk.ask(do="history", **question)


def test_a_file_without_a_history_is_reported(desk: Desk) -> None:
    with pytest.raises(EisyncError, match=r"/data/röot/caf\ufffd.csv is not known"):
        desk.ask(do="history", path="/data/röot/caf\udce9.csv")


# --- known files at some paths


def test_known_returns_only_the_requested_paths(desk: Desk) -> None:
    for path in ("a.csv", "day/a.csv", "day/b.csv"):
        desk.add(path)
    desk.add("day/back.csv", State.GONE)
    for path in ("day/back.csv", "day/new.csv", "new.csv"):
        desk.observe(path)
    paths = ["day/a.csv", "day/back.csv", "day/new.csv", "nothing.csv"]
    reported = {
        record["path"]: (record["state"], record["facts"])
        for record in desk.ask(do="known", root="/data/röot", paths=paths)
    }
    assert {
        "day/a.csv": ("ready", [7, 1, 9]),
        "day/back.csv": ("settling", None),
        "day/new.csv": ("settling", None),
    } == reported
    assert [] == desk.ask(do="known", root="/elsewhere", paths=paths)


@pytest.mark.parametrize("question", [{}, {"root": "/r"}, {"root": "/r", "paths": "a"}, {"root": "/r", "paths": [1]}])
def test_an_invalid_request_for_known_files_is_refused(desk: Desk, question: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        desk.ask(do="known", **question)


# --- retry


def test_groups_are_returned_by_key_or_all_with_the_project(desk: Desk) -> None:
    placed = {key: Placement(Category.TESTING, "why") for key in ("s1", "s2")}
    desk.index.groups.decide("main", "session", placed, now=NOW)
    first = {"what": "group", "key": "s1", "category": "testing", "why": "why", "seen": ["testing"]}
    assert [first] == desk.ask(do="groups", target="main", name="session", keys=["s1", "other"])
    assert [{"what": "project", "listed_at": None}, first, {**first, "key": "s2"}] == desk.ask(
        do="groups", target="main", name="session"
    )


@pytest.mark.parametrize("question", [{}, {"target": "main"}, {"target": 1, "name": "session"}])
def test_an_invalid_request_for_groups_is_refused(desk: Desk, question: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="names no target and no metadata"):
        desk.ask(do="groups", **question)


def test_named_files_go_back_to_the_queue(desk: Desk) -> None:
    for name, state in (("a.csv", State.QUARANTINED), ("b.csv", State.QUARANTINED), ("c.csv", State.TOMBSTONE)):
        desk.add(name, state)
    paths = ["/data/röot/a.csv", "/data/röot/c.csv", "/data/röot/no.csv", "/elsewhere/a.csv"]
    (answer,) = desk.ask(do="retry", paths=paths)
    assert {"retried": 2, "unknown": paths[2:]} == answer
    assert {("a.csv", "ready"), ("b.csv", "quarantined"), ("c.csv", "ready")} == set(desk.states())


def test_all_means_all_that_wait_for_a_person(desk: Desk) -> None:
    for state in State:
        desk.add(f"{state.value}.csv", state)
    assert [{"retried": 2, "unknown": []}] == desk.ask(do="retry")
    assert [] == desk.states(state="quarantined") + desk.states(state="tombstone")


def test_a_file_that_needs_no_retry_is_left_where_it_is(desk: Desk) -> None:
    desk.add("a.csv", State.SYNCED)
    assert [{"retried": 0, "unknown": []}] == desk.ask(do="retry", paths=["/data/röot/a.csv"])


def test_a_name_that_is_not_utf_8_can_be_named(desk: Desk) -> None:
    desk.add("caf\udce9.csv", State.QUARANTINED)
    assert [{"retried": 1, "unknown": []}] == desk.ask(do="retry", paths=["/data/röot/caf\udce9.csv"])


@pytest.mark.parametrize("paths", [5, "a.csv", [1], [None], {"a": 1}, [["a.csv"]], True])
def test_a_retry_without_a_list_of_paths_is_refused(desk: Desk, paths: object) -> None:
    with pytest.raises(ConfigurationError, match="not a list of paths"):
        desk.ask(do="retry", paths=paths)


# --- pauses


def test_a_pause_is_stored_shown_and_ended(desk: Desk) -> None:
    desk.add("a.csv")
    assert [{"all_s": 60.0, "roots": {}}] == desk.ask(do="pause", roots=None, for_s=60)
    assert [{"all_s": 60.0, "roots": {"/data/röot": "inf"}}] == desk.ask(do="pause", roots=["/data/röot"], for_s=None)
    (status,) = desk.ask(do="status")
    assert ["eisync resume"] == [group["next"] for group in status["reasons"]]
    assert {"all_s": 60.0, "roots": {"/data/röot": "inf"}} == status["paused"]
    assert [{"all_s": 60.0, "roots": {}}] == desk.ask(do="resume", roots=["/data/röot"])
    assert [{"all_s": None, "roots": {}}] == desk.ask(do="resume", roots=None)
    (status,) = desk.ask(do="status")
    assert ["eisync resume"] != [group["next"] for group in status["reasons"]]


def test_only_the_files_of_a_paused_folder_are_paused(desk: Desk) -> None:
    desk.add("a.csv")
    desk.outbox.register([("/data/röot 2", "main")])
    desk.ask(do="pause", roots=["/data/röot 2"], for_s=None)
    (status,) = desk.ask(do="status")
    assert ["eisync resume"] != [group["next"] for group in status["reasons"]]


@pytest.mark.parametrize("for_s", [0, -1, "1h", True, 1e12])
def test_a_pause_of_no_length_is_refused(desk: Desk, for_s: object) -> None:
    with pytest.raises(ConfigurationError, match="no number of seconds"):
        desk.ask(do="pause", roots=None, for_s=for_s)


@pytest.mark.parametrize("roots", [[], "a", [1], {"a": 1}])
def test_a_pause_of_no_folders_is_refused(desk: Desk, roots: object) -> None:
    with pytest.raises(ConfigurationError, match="not a list of paths"):
        desk.ask(do="pause", roots=roots, for_s=None)


def test_a_folder_that_is_not_watched_cannot_be_paused(desk: Desk) -> None:
    with pytest.raises(EisyncError, match="/elsewhere is not a watched folder"):
        desk.ask(do="resume", roots=["/elsewhere"])


# --- health and the rest


def test_a_daemon_is_healthy_while_every_loop_moves(desk: Desk) -> None:
    desk.live["loops"] = [{"name": "watcher", "age_s": 1.0, "is_fresh": True}]
    assert [{"is_healthy": True, "faults": []}] == desk.ask(do="health")
    desk.live["loops"].append({"name": "uploader", "age_s": 75.2, "is_fresh": False})
    for question in ("health", "alive"):
        assert [{"is_healthy": False, "faults": ["the uploader has not responded for 75 s"]}] == desk.ask(do=question)


def test_a_daemon_whose_state_folder_is_lost_is_not_healthy_and_says_so(desk: Desk) -> None:
    desk.live |= {"loops": [], "lost": "the state folder /s was removed"}
    assert [{"is_healthy": False, "faults": ["the state folder /s was removed"]}] == desk.ask(do="health")
    assert "the state folder /s was removed" == desk.ask(do="status")[0]["daemon"]["lost"]


def test_a_database_that_is_not_writable_is_not_healthy(desk: Desk) -> None:
    desk.database._connection.execute("pragma query_only = on")
    try:
        with pytest.raises(StateError):
            desk.ask(do="health")
        assert [{"is_healthy": True, "faults": []}] == desk.ask(do="alive")  # a restart would not help
    finally:
        desk.database._connection.execute("pragma query_only = off")


@pytest.mark.parametrize("question", [{}, {"do": None}, {"do": "explode"}, {"do": []}, {"do": {"status": 1}}])
def test_a_request_of_another_version_is_refused(desk: Desk, question: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"this eisync cannot answer .*; is the daemon a different version"):
        desk.ask(**question)


# --- passes


class Reconciler:
    """The requested passes; every second poll of a report finds it done."""

    def __init__(self) -> None:
        self.asked: list[dict[str, bool]] = []

    def ask_pass(self, **pass_request: bool) -> int:
        self.asked.append(pass_request)
        return len(self.asked)

    def report(self, ticket: int) -> list[dict[str, object]] | None:
        return [{"target": "main"}] if ticket < len(self.asked) else None


def test_a_pass_is_requested_and_reported_when_it_is_done(desk: Desk) -> None:
    reconciler = Reconciler()
    operations = Operations(desk.outbox, desk.index, desk.actions, now=lambda: NOW, running=Running(passes=reconciler))
    assert [{"ticket": 1}] == list(operations.answer({"do": "reconcile", "sweep": True}))
    assert [{"targets": None, "listing": None}] == list(operations.answer({"do": "reconciled", "ticket": 1}))
    assert [{"ticket": 2}] == list(operations.answer({"do": "reconcile", "dry_run": True}))
    assert [{"targets": [{"target": "main"}]}] == list(operations.answer({"do": "reconciled", "ticket": 1}))
    assert [{"sweeps": True, "dry_run": False}, {"sweeps": False, "dry_run": True}] == reconciler.asked


@pytest.mark.parametrize("question", [{"do": "reconcile"}, {"do": "reconciled", "ticket": 1}])
def test_without_a_reconciler_a_pass_is_refused(desk: Desk, question: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        desk.ask(**question)


@pytest.mark.parametrize("ticket", [None, "1", True, 1.0])
def test_an_invalid_ticket_is_refused(desk: Desk, ticket: object) -> None:
    operations = Operations(
        desk.outbox, desk.index, desk.actions, now=lambda: NOW, running=Running(passes=Reconciler())
    )
    with pytest.raises(ConfigurationError):
        list(operations.answer({"do": "reconciled", "ticket": ticket}))


def test_status_reports_stored_observations_if_the_state_is_not_writable(desk: Desk) -> None:
    """`status` must work, because it reports the full disk."""

    def note() -> None:
        raise StateError("the database cannot be used: database or disk is full")

    desk.note("a.csv")
    operations = Operations(
        desk.outbox, desk.index, desk.actions, now=lambda: NOW, running=Running(live=lambda: desk.live, note=note)
    )
    assert {"settling": 1} == operations.status()["counts"]


def test_a_running_process_explains_a_file_and_no_other_does(desk: Desk) -> None:
    question = {"do": "explain", "root": "/data/röot", "path": "a.csv"}
    assert [] == list(desk.operations().answer(question))
    found = {"root": "/data/röot", "target": "main", "path": "a.csv", "state": "left out", "reason": "it is hidden"}
    running = Running(live=lambda: desk.live, explain=lambda root, path: {**found, "asked": [root, path]})
    operations = Operations(desk.outbox, desk.index, desk.actions, now=lambda: NOW, running=running)
    [answer] = operations.answer(question)
    assert ["/data/röot", "a.csv"] == answer["asked"]
    assert [["folder", "/data/röot -> main"], ["state", "left out: it is hidden"]] == answer["lines"]
    with pytest.raises(ConfigurationError, match="names no file"):
        list(operations.answer({"do": "explain", "root": "/data/röot"}))
