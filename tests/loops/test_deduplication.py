"""Files whose content may be known are hashed before they are sent, and none is lost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eisync.adapters.client.body import sha256_of
from eisync.core.lifecycle import State
from eisync.core.model import Item
from eisync.errors import FileChangedError, FileGoneError, FileUnreadableError, StateError, UnreachableError
from eisync.loops.uploader import claims

from .circuit import Circuit
from .yard import run

READY, SENDING, SYNCED = State.READY, State.SENDING, State.SYNCED


@pytest.fixture
def circuit(tmp_path: Path) -> Iterator[Circuit]:
    """Send and delete a content with the size of every other file."""
    circuit = Circuit(tmp_path)
    circuit.write("deleted.csv")
    circuit.settle()
    circuit.delete_sample("deleted.csv")
    yield circuit
    circuit.close()


def claimed(circuit: Circuit, *paths: str) -> None:
    """Write new files, which are claimed but not hashed yet."""
    circuit.write(*paths)
    circuit.start()
    circuit.watcher.tick(circuit.now)
    for _ in range(9):
        circuit.now += 10.0
        circuit.watcher.tick(circuit.now)
    circuit.uploader.tick(circuit.now)
    circuit.bench.run()  # the project is checked
    circuit.uploader.tick(circuit.now)
    assert {SENDING} == {circuit.states()[path] for path in paths}


def test_a_file_with_the_size_of_a_deleted_one_is_hashed_and_sent(circuit: Circuit) -> None:
    claimed(circuit, "a.csv", "b.csv")
    assert [["deleted.csv"]] == circuit.cloud.attempts
    circuit.go_on()
    assert ["a.csv", "b.csv", "deleted.csv"] == sorted(circuit.sent())
    assert SYNCED is circuit.states()["a.csv"] is circuit.states()["b.csv"]


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (FileChangedError, State.SETTLING),
        (FileGoneError, State.GONE),
        (FileUnreadableError, State.QUARANTINED),
        (UnreachableError, READY),
    ],
)
def test_a_file_that_cannot_be_hashed_is_reported_like_one_that_cannot_be_sent(
    circuit: Circuit, error: Any, state: State
) -> None:
    claimed(circuit, "a.csv", "b.csv")

    def hash_of(item: Item) -> str:
        if item.path == "a.csv":
            raise error("it is so") if error is UnreachableError else error("it is so", item_id=item.id)
        return sha256_of(item)

    circuit.uploader._claims.deduplicator._hash_of = hash_of
    circuit.bench.run()
    circuit.uploader.tick(circuit.now)
    assert (state, SENDING) == (circuit.states()["a.csv"], circuit.states()["b.csv"])
    circuit.bench.run()
    circuit.uploader.tick(circuit.now)
    assert SYNCED is circuit.states()["b.csv"]


@pytest.mark.parametrize("failures", [1, 3])
def test_while_the_store_fails_nothing_is_sent_or_lost(
    circuit: Circuit, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    claimed(circuit, "a.csv")
    circuit.bench.run()
    ask, left = circuit.yard.outbox.known_contents, [None] * failures

    def fail_first(*args: Any) -> Any:
        if left:
            left.pop()
            raise StateError("the database cannot be used")
        return ask(*args)

    monkeypatch.setattr(circuit.yard.outbox, "known_contents", fail_first)
    for _ in range(failures):
        with pytest.raises(StateError):
            circuit.uploader.tick(circuit.now)
        assert (SENDING, False) == (circuit.states()["a.csv"], circuit.uploader.is_done)
    circuit.go_on()
    assert (SYNCED, ["deleted.csv", "a.csv"]) == (circuit.states()["a.csv"], circuit.sent())


def test_a_file_is_compared_with_its_own_content_however_many_of_its_size_were_deleted(circuit: Circuit) -> None:
    paths = [f"{number:02}.csv" for number in range(50)]
    circuit.write(*paths)
    circuit.settle()
    content = circuit.yard.path("07.csv").read_bytes()
    for path in paths:
        circuit.delete_sample(path)
    circuit.yard.write("again.csv", content)
    circuit.write("new.csv")
    yard, root = circuit.yard, circuit.yard.root.id
    run(yard.watcher(yard.watched(yard.root)), circuit.now)
    items = yard.outbox.claim("main", [root], limit=99, claim=1, now=circuit.now)
    assert {item.id for item in items} == yard.outbox.may_be_known("main", items, [root])
    known = yard.outbox.known_contents("main", [(item, sha256_of(item)) for item in items], [root])
    assert {"again.csv": 1} == {item.path: len(known[item.id]) for item in items if item.id in known}
    assert ["again.csv", "new.csv"] == sorted(item.path for item in items)


def test_files_not_hashed_yet_are_given_back_at_the_end(circuit: Circuit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "FILES_AT_ONCE", 1)
    claimed(circuit, "a.csv", "b.csv", "c.csv")
    circuit.uploader.stop(circuit.now)
    assert [SENDING, READY, READY] == [circuit.states()[path] for path in ("a.csv", "b.csv", "c.csv")]
    assert not circuit.uploader.is_done
    circuit.bench.run()
    circuit.uploader.tick(circuit.now)
    assert (READY, True) == (circuit.states()["a.csv"], circuit.uploader.is_done)


def test_where_no_thread_can_be_started_nothing_is_lost(circuit: Circuit, monkeypatch: pytest.MonkeyPatch) -> None:
    circuit.write("a.csv")
    circuit.start()
    circuit.go_on()
    circuit.cloud.attempts.clear()
    submit = circuit.bench.submit

    def refuse(fn: Any, *args: Any, **more: Any) -> Any:
        if "hash" in fn.__name__:
            raise RuntimeError("can't start new thread")
        return submit(fn, *args, **more)

    monkeypatch.setattr(circuit.bench, "submit", refuse)
    claimed(circuit, "b.csv")
    for _ in range(3):
        circuit.uploader.tick(circuit.now)
        circuit.bench.run()
    assert (SENDING, []) == (circuit.states()["b.csv"], circuit.sent())
    monkeypatch.setattr(circuit.bench, "submit", submit)
    circuit.go_on()
    assert (SYNCED, ["b.csv"]) == (circuit.states()["b.csv"], circuit.sent())


def test_a_target_with_many_files_to_be_hashed_claims_no_more(
    circuit: Circuit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "MAX_WAITING", 8)
    monkeypatch.setattr(claims, "FILES_AT_ONCE", 1)
    paths = [f"{number:02}.csv" for number in range(60)]
    circuit.write(*paths)
    circuit.start()
    for _ in range(9):
        circuit.now += 10.0
        circuit.watcher.tick(circuit.now)
    circuit.uploader.tick(circuit.now)
    circuit.bench.run()
    for _ in range(5):
        circuit.uploader.tick(circuit.now)
    assert 32 == sum(state is SENDING for state in circuit.states().values())  # one claim's worth
    circuit.go_on()
    assert {SYNCED} == {circuit.states()[path] for path in paths}


def test_a_paused_target_gets_its_files_back(circuit: Circuit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "FILES_AT_ONCE", 1)
    claimed(circuit, "a.csv", "b.csv")
    [state] = circuit.uploader._states
    circuit.uploader._project_check.pause(state, "the key is refused", circuit.now)
    circuit.bench.run()
    circuit.uploader.tick(circuit.now)
    assert [READY, READY] == [circuit.states()[path] for path in ("a.csv", "b.csv")]
