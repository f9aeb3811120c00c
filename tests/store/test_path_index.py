import os
from collections.abc import Callable

import pytest

from eisync.core.lifecycle import Event, State
from eisync.core.model import Category, FileFacts, Rename
from eisync.store import path_index

from .shelf import NOW, Shelf, facts

ODD = "day/caf\udce9\n.csv"


def rename(identity: int, path: str, label: str | None = "new", category: Category = Category.TESTING) -> Rename:
    return Rename(id=identity, path=path, label=label, category=category)


# --- comparing


def test_versions_are_of_settled_files_directly_in_the_folder(shelf: Shelf) -> None:
    for path in ("day/a.csv", "day/b.csv", "day/deep/c.csv", "d.csv", ODD):
        shelf.enqueue(path)
    shelf.enqueue("day/gone.csv")
    shelf.outbox.mark_gone([shelf.id_of("day/gone.csv")], now=NOW)
    shelf.outbox.mark_changed([shelf.id_of("day/b.csv")], now=NOW)

    version = (11, 1, 1, 0)
    expected = {b"a.csv": version, os.fsencode(ODD)[4:]: version}
    assert expected == shelf.places.versions(shelf.root.id, "day", limit=10)
    assert {b"d.csv": version} == shelf.places.versions(shelf.root.id, "", limit=10)
    names = [b"a.csv", b"b.csv", b"gone.csv", b"nothing.csv", os.fsencode(ODD)[4:]]
    assert expected == shelf.places.versions_of(shelf.root.id, "day", names)


def test_more_versions_than_may_be_held_are_none(shelf: Shelf) -> None:
    for number in range(4):
        shelf.enqueue(f"{number}.csv")

    held = [shelf.places.versions(shelf.root.id, "", limit=limit) for limit in (3, 4)]

    assert held[0] is None
    assert 4 == len(held[1] or ())


def test_names_come_page_by_page(shelf: Shelf) -> None:
    for name in ("b.csv", "a.csv", "c.csv", "caf\udce9.csv"):
        shelf.enqueue(f"day/{name}")
    shelf.outbox.mark_gone([shelf.id_of("day/c.csv")], now=NOW)

    first = shelf.places.names(shelf.root.id, "day", limit=2)

    assert (["a.csv", "b.csv"], 4) == (first, shelf.places.count(shelf.root.id, "day"))
    assert ["caf\udce9.csv"] == shelf.places.names(shelf.root.id, "day", after=first[-1], limit=2)


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        ("", {"", "a", "a-b", "a/b", "a/b/c", "ab", "\udcff"}),
        ("a", {"a", "a/b", "a/b/c"}),
        ("a/b", {"a/b", "a/b/c"}),
        ("ab", {"ab"}),
        ("nowhere", set()),
        ("\udcff", {"\udcff"}),
    ],
)
def test_folders_below_one_are_those_that_lie_in_it(shelf: Shelf, below: str, expected: set[str]) -> None:
    for folder in ("", "a", "a-b", "a/b", "a/b/c", "ab", "\udcff"):
        for name in ("1.csv", "2.csv"):
            shelf.enqueue(f"{folder}/{name}".lstrip("/"))
    shelf.enqueue("a/gone/x.csv")
    shelf.outbox.mark_gone([shelf.id_of("a/gone/x.csv")], now=NOW)

    found = shelf.places.folders(shelf.root.id, below=below)

    assert (expected, len(expected)) == (set(found), len(found))


def test_the_files_expected_to_be_there_are_the_oldest_and_the_newest(shelf: Shelf) -> None:
    for number in range(6):
        shelf.enqueue(f"{number}.csv")
    shelf.outbox.mark_gone([shelf.id_of("5.csv")], now=NOW)

    assert {"0.csv", "4.csv"} == set(shelf.places.expected(shelf.root.id, limit=2))
    assert {f"{number}.csv" for number in range(5)} == set(shelf.places.expected(shelf.root.id, limit=100))


def test_a_synced_file_that_is_absent_is_not_expected(shelf: Shelf) -> None:
    shelf.sync("a.csv", 1)
    shelf.outbox.mark_gone([shelf.id_of()], now=NOW)

    assert [] == shelf.places.expected(shelf.root.id, limit=2)


def test_the_device_of_a_root_outlives_the_process(shelf: Shelf) -> None:
    assert shelf.places.device(shelf.root.id) is None
    shelf.places.note_device(shelf.root.id, 2049)
    shelf.reopen()
    assert 2049 == shelf.places.device(shelf.root.id)


# --- renames


def test_only_inodes_of_known_files_of_the_root_can_have_twins(shelf: Shelf) -> None:
    shelf.enqueue("a.csv", facts=FileFacts(11, 1, 7))
    gone = shelf.enqueue("b.csv", facts=FileFacts(11, 1, -9))
    shelf.outbox.mark_gone([gone], now=NOW)

    known = {FileFacts(11, 1, 7), FileFacts(11, 1, -9)}
    others = [FileFacts(11, 1, 8), FileFacts(11, 2, 7), FileFacts(12, 1, 7), FileFacts(11, 1, 2**63 - 1)]
    assert known == shelf.places.familiar(shelf.root.id, [*known, *others])
    assert set() == shelf.places.familiar(shelf.root.id + 1, known)
    assert set() == shelf.places.familiar(shelf.root.id, [])


def test_twins_have_exactly_the_same_facts(shelf: Shelf) -> None:
    identity = shelf.enqueue("a.csv")
    shelf.enqueue("b.csv", 2)

    twins = shelf.places.twins(shelf.root.id, facts())

    assert {"a.csv": identity} == {path: known.id for path, known in twins.items()}
    assert {} == shelf.places.twins(shelf.root.id + 1, facts())
    for other in (FileFacts(12, 1, 1), FileFacts(11, 2, 1), FileFacts(11, 1, 2)):
        assert {} == shelf.places.twins(shelf.root.id, other)


def test_a_synced_file_keeps_its_samples_its_history_and_its_label(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 7)
    before = [event for event, _ in shelf.history(identity)]

    shelf.places.follow([rename(identity, "day/b.csv")], now=NOW)

    record = shelf.record("day/b.csv")
    assert ("synced", [7], "wave") == (record["state"], record["sample_ids"], record["label"])
    assert "renamed; it was a.csv" == record["reason"]
    assert [*(event.value for event in before), "renamed"] == events_of(shelf, identity)
    assert shelf.outbox.known_at(shelf.root.id, "a.csv") is None


def events_of(shelf: Shelf, identity: int) -> list[str]:
    with shelf.database.reading() as connection:
        rows = connection.execute("select event from history where file_id = ? order by id", (identity,)).fetchall()
    return [row["event"] for row in rows]


def sending(shelf: Shelf) -> int:
    identity = shelf.enqueue()
    shelf.claim()
    return identity


@pytest.mark.parametrize(
    ("begin", "label"),
    [(lambda shelf: shelf.enqueue(), "new"), (sending, "wave"), (lambda shelf: shelf.sync("a.csv", 1), "wave")],
    ids=["ready", "sending", "synced"],
)
def test_what_is_not_sent_yet_is_labelled_by_its_new_path(
    shelf: Shelf, begin: Callable[[Shelf], int], label: str
) -> None:
    shelf.places.follow([rename(begin(shelf), "b.csv")], now=NOW)

    assert label == shelf.record("b.csv")["label"]


def test_two_files_that_swap_their_names_are_both_followed(shelf: Shelf) -> None:
    one, two = shelf.sync("a.csv", 1, version=1), shelf.sync("b.csv", 2, version=2)

    shelf.places.follow([rename(one, "b.csv")], now=NOW)

    assert (two, one) == (shelf.id_of("a.csv"), shelf.id_of("b.csv"))
    assert [[2], [1]] == [shelf.record(path)["sample_ids"] for path in ("a.csv", "b.csv")]


def test_a_file_that_is_being_sent_is_settled_under_its_new_name(shelf: Shelf) -> None:
    identity = sending(shelf)
    other = shelf.enqueue("b.csv", 2)

    shelf.places.follow([rename(other, "a.csv")], now=NOW)
    shelf.settle(identity, Event.STORED, sample_ids=(5,))

    assert State.SYNCED is shelf.state("b.csv")


def test_an_unknown_file_is_followed_nowhere(shelf: Shelf) -> None:
    shelf.places.follow([rename(99, "b.csv")], now=NOW)

    assert {} == shelf.known()


# --- speed at a million rows


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (path_index._VERSIONS, "INDEX sqlite_autoindex_file_1 (root_id=? AND folder=?)"),
        (path_index._NAMES, "INDEX sqlite_autoindex_file_1 (root_id=? AND folder=? AND name>?)"),
        (path_index._FOLDERS, "COVERING INDEX sqlite_autoindex_file_1 (root_id=? AND folder>?)"),
        (path_index._TWINS, "INDEX file_by_version (size=? AND mtime_ns=? AND inode=?)"),
    ],
)
def test_no_question_of_a_walk_goes_through_all_files(shelf: Shelf, statement: str, index: str) -> None:
    names = ("root_id", "folder", "first", "end", "after", "limit", "inode", "size", "mtime_ns")

    plan = shelf.plan(statement, **dict.fromkeys(names))

    assert index in plan
    assert "SCAN file" not in plan
