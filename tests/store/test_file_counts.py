"""The kept counts of files are those of the rows, whatever happens to the files, and cost no row to read."""

import contextlib
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from eisync.core.file_status import FileTotal
from eisync.core.lifecycle import Event, State, can, walk
from eisync.core.model import Item
from eisync.core.outcome import Outcome
from eisync.store.cleanup import KEEP_S, Cleanup
from eisync.store.database import FILE_NAME
from eisync.store.file_counts import CountError
from eisync.store.queue import LostClaimError
from tests.examples import examples

from .shelf import NOW, Shelf, facts
from .test_database import migrate_to

PATHS = ("a.csv", "b.csv", "day/a.csv")
ENDS = (Event.STORED, Event.DUPLICATE, Event.DEFER, Event.REFUSE, Event.CHANGED, Event.SILENCE, Event.GONE)

Totals = dict[int, dict[State, FileTotal]]


def of_rows(shelf: Shelf) -> Totals:
    """Return what the rows say."""
    found: Totals = {}
    with shelf.database.reading() as connection:
        counted = "select root_id, state, count(*) as files, sum(size) as bytes from file group by 1, 2"
        for row in connection.execute(counted):
            found.setdefault(row["root_id"], {})[State(row["state"])] = FileTotal(row["files"], row["bytes"])
    return found


class CountMachine(RuleBasedStateMachine):
    """Files in two folders, to which everything happens that changes a row."""

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.mkdtemp(prefix="eisync-counts-")
        self.shelf = Shelf(Path(self.place))
        self.now = NOW
        self.claims = 0
        self.held: dict[int, list[Item]] = {}
        self.samples = 0
        self.roots = [root.id for root in self.shelf.outbox.register([("/data", "main"), ("/more", "main")])]

    def teardown(self) -> None:
        self.shelf.close()
        shutil.rmtree(self.place)

    def ids(self) -> list[int]:
        with self.shelf.database.reading() as connection:
            return [row["id"] for row in connection.execute("select id from file order by id").fetchall()]

    @rule(
        files=st.lists(st.tuples(st.integers(0, 1), st.sampled_from(PATHS), st.integers(1, 3)), min_size=1, max_size=4),
        is_cut=st.booleans(),
    )
    def enter(self, files: list[tuple[int, str, int]], is_cut: bool) -> None:
        entering = [self.shelf.candidate(path, version, root_id=self.roots[at]) for at, path, version in files]
        if is_cut:
            self.shelf.outbox.park([(one, "it is cut") for one in entering], now=self.now)
        else:
            self.shelf.outbox.enqueue(entering, now=self.now)

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        self.claims += 1
        items = self.shelf.outbox.claim("main", self.roots, limit=limit, claim=self.claims, now=self.now)
        if items:
            self.held[self.claims] = items

    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        if self.held:
            claim = data.draw(st.sampled_from(sorted(self.held)))
            outcomes = [self.outcome(item, data.draw(st.sampled_from(ENDS))) for item in self.held.pop(claim)]
            self.shelf.outbox.settle(outcomes, claim=claim, now=self.now)

    def outcome(self, item: Item, event: Event) -> Outcome:
        self.samples += 1
        samples = (self.samples,) if event is Event.STORED else ()
        sha256 = f"{self.samples:064x}" if event in (Event.STORED, Event.DUPLICATE) else None
        return Outcome(item_id=item.id, events=(event,), sample_ids=samples, sha256=sha256, due_at=self.now)

    @rule()
    def answer_that_is_refused(self) -> None:
        for claim, items in self.held.items():
            outcomes = [self.outcome(item, Event.STORED) for item in items]
            wrong = [Outcome(item_id=10_000, events=(Event.REFUSE,))]
            with pytest.raises(LostClaimError):
                self.shelf.outbox.settle([*outcomes, *wrong], claim=claim, now=self.now)

    @rule(data=st.data(), what=st.sampled_from(["mark_changed", "mark_gone", "mark_back", "retry"]))
    def happen(self, data: st.DataObject, what: str) -> None:
        if ids := self.ids():
            getattr(self.shelf.outbox, what)([data.draw(st.sampled_from(ids))], now=self.now)

    @rule(data=st.data(), version=st.integers(4, 6))
    def change_size(self, data: st.DataObject, version: int) -> None:
        if ids := self.ids():
            self.shelf.outbox.leave_as_sent([(data.draw(st.sampled_from(ids)), facts(version))], now=self.now)

    @rule(data=st.data())
    def delete_sample(self, data: st.DataObject) -> None:
        if self.samples:
            self.shelf.make_tombstones(data.draw(st.integers(1, self.samples)), now=self.now)

    @rule(data=st.data())
    def move_to_the_other_folder(self, data: st.DataObject) -> None:
        """Nothing does this today. The counts would follow."""
        if ids := self.ids():
            with self.shelf.database.transaction() as connection:
                moved = {"id": data.draw(st.sampled_from(ids)), "a": self.roots[0], "b": self.roots[1]}
                statement = "update or ignore file set root_id = iif(root_id = :a, :b, :a) where id = :id"
                connection.execute(statement, moved)

    @rule(days=st.sampled_from([0.1, 8.0]))
    def wait_and_forget(self, days: float) -> None:
        self.now += days * 24 * 3600.0
        self.shelf.outbox.forget_gone(before=self.now - KEEP_S)
        Cleanup(self.shelf.database).forget("main", self.roots, now=self.now)

    @rule()
    def lose_the_process(self) -> None:
        self.held.clear()
        self.shelf.reopen(now=self.now)

    @invariant()
    def the_counts_are_those_of_the_rows(self) -> None:
        assert of_rows(self.shelf) == self.shelf.index.records.counts().by_root
        assert [] == self.shelf.index.records.count_errors()
        queue = self.shelf.index.rates.queue()
        waiting = [
            total
            for totals in of_rows(self.shelf).values()
            for state, total in totals.items()
            if state in (State.READY, State.SENDING, State.DOUBTFUL)
        ]
        assert sum(waiting, FileTotal()) == FileTotal(queue.files, queue.bytes)


CountMachine.TestCase.settings = settings(
    max_examples=examples(30),
    stateful_step_count=30,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestCountsAreThoseOfTheRows = CountMachine.TestCase


def test_every_state_is_counted(shelf: Shelf) -> None:
    with shelf.database.reading() as connection:
        rows = connection.execute("select state from file_count where root_id = ?", (shelf.root.id,)).fetchall()
    assert {state.value for state in State} - {State.SENDING.value} == {row["state"] for row in rows}


def test_a_claim_writes_no_count(shelf: Shelf) -> None:
    assert can(State.READY, Event.CLAIM)
    assert State.SENDING is walk(State.READY, [Event.CLAIM])
    shelf.enqueue()
    with shelf.database.transaction() as connection:
        connection.execute("create trigger no_count before update on file_count begin select raise(abort, 'no'); end")
    assert 1 == len(shelf.claim())
    assert {shelf.root.id: {State.SENDING: FileTotal(1, 11)}} == shelf.index.records.counts().by_root


def test_a_count_that_is_wrong_is_found(shelf: Shelf) -> None:
    shelf.enqueue()
    with shelf.database.transaction() as connection:
        connection.execute("update file_count set files = 5, bytes = 50 where state = 'ready'")
        connection.execute("update file_count set files = 1 where state = 'gone'")
    assert [
        CountError(shelf.root.id, State.GONE, FileTotal(1, 0), FileTotal()),
        CountError(shelf.root.id, State.READY, FileTotal(5, 50), FileTotal(1, 11)),
    ] == shelf.index.records.count_errors()


@pytest.mark.parametrize("version", [3, 10, 18, 27])
def test_the_files_of_an_older_database_are_counted(tmp_path: Path, version: int) -> None:
    states = ["synced", "synced", "ready", "sending", "gone", "quarantined"]
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as connection:
        migrate_to(connection, version)
        connection.execute(f"pragma user_version = {version}")
        connection.execute("insert into root (id, path, target) values (1, cast('/data' as blob), 'main')")
        connection.execute("insert into root (id, path, target) values (2, cast('/more' as blob), 'main')")
        connection.executemany(
            "insert into file (id, root_id, folder, name, target, state, size, mtime_ns, inode, category, metadata, "
            "due_at, enqueued_at, changed_at) values (?, ?, x'', cast(? as blob), 'main', ?, ?, 1, 1, 'split', '{}', "
            "5, 5, 5)",
            [(at, 1 + at % 2, f"{at}.csv", state, 10 * at) for at, state in enumerate(states, 1)],
        )

    shelf = Shelf(tmp_path)

    assert {
        1: {State.SYNCED: FileTotal(1, 20), State.SENDING: FileTotal(1, 40), State.QUARANTINED: FileTotal(1, 60)},
        2: {State.SYNCED: FileTotal(1, 10), State.READY: FileTotal(1, 30), State.GONE: FileTotal(1, 50)},
    } == shelf.index.records.counts().by_root
    shelf.enqueue("new.csv")
    [other] = shelf.outbox.register([("/other", "main")])
    shelf.outbox.enqueue([shelf.candidate(root_id=other.id)], now=NOW)
    assert {State.READY: FileTotal(1, 11)} == shelf.index.records.counts().by_root[other.id]
    assert [] == shelf.index.records.count_errors()
    shelf.close()
