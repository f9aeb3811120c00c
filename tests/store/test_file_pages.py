"""A page has the files that fit, in their order, and costs as little with a million rows as with ten."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from eisync.core.file_filter import FileFilter, Key, Sort
from eisync.core.lifecycle import Event
from eisync.core.model import Category
from eisync.store import class_balance, file_conditions, file_pages
from eisync.store.class_balance import ClassBalanceRows
from eisync.store.file_pages import FilePages
from tests.conftest import list_sample

from .shelf import NOW, Shelf

UMLAUT, APART = "t\u00fcr", "tu\u0308r"
FOLDERS = ("", "day", "day/x", "day-2", f"{APART}", "caf\udce9")


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path)
    yield shelf
    shelf.close()


@pytest.fixture
def files(shelf: Shelf) -> dict[int, dict[str, Any]]:
    """Forty files in two roots, of every kind that a filter knows, by id."""
    _, inner = shelf.outbox.register([("/data", "main"), ("/data/inner", "main")])
    for number in range(40):
        folder = FOLDERS[number % len(FOLDERS)]
        candidate = shelf.candidate(
            f"{folder}/Wave.{number}.csv".lstrip("/"),
            1 + number % 5,
            root_id=(inner if number % 7 == 3 else shelf.root).id,
            label=(None, "idle", "wave", UMLAUT)[number % 4],
            category=(Category.SPLIT, Category.TESTING)[number % 3 == 0],
            remarks={"name": "no name"} if number == 11 else {},
        )
        assert set() == shelf.outbox.enqueue([candidate], now=NOW)
    settle_some(shelf)
    return {row["id"]: row for row in records(shelf)}


def settle_some(shelf: Shelf) -> None:
    """Give some files another state than ready: by their ids, which are those of their samples, too."""
    roots = [root.id for root in shelf.index.roots()]
    items = shelf.outbox.claim("main", roots, limit=99, claim=1, now=NOW)
    after = {0: Event.STORED, 1: Event.REFUSE, 2: Event.STORED, 3: Event.DEFER, 4: Event.STORED, 5: Event.SILENCE}
    for item in items:
        event = after.get(item.id % 8, Event.DEFER)
        samples = (item.id,) if event is Event.STORED else ()
        shelf.settle(item.id, event, due_at=NOW, sample_ids=samples, is_attempt=item.id % 8 == 6)
        if samples:
            list_sample(shelf.database, item.id)
    with shelf.database.transaction() as connection:
        connection.execute("update sample set category = 'training', missed = id % 3 = 0, label = ("
            "select iif(file.id % 4 = 0, 'edited', label) from file where file.id = sample.id)")  # fmt: skip


def records(shelf: Shelf) -> list[dict[str, Any]]:
    with shelf.database.reading() as connection:
        rows = connection.execute(
            """select file.*, cast(root.path as text) as root, exists (
                select 1 from sample where id = file.id and missed > 0 and file.state = 'synced') as is_unlisted,
                exists (select 1 from sample where id = file.id and sample.label = 'edited' and state = 'synced')
                    as differs
            from file join root on root.id = root_id"""
        ).fetchall()
    return [{**row, "place": (row["root"].encode(), row["folder"], row["name"])} for row in map(dict, rows)]


def has_problem(file: Mapping[str, Any]) -> bool:
    is_tried = file["state"] == "ready" and file["attempts"] > 0
    return file["state"] in ("quarantined", "doubtful") or is_tried or bool(file["remarks"] or file["is_unlisted"])


def below(folder: bytes) -> Callable[[Mapping[str, Any]], bool]:
    return lambda file: b"/".join(part for part in file["place"] if part).startswith(folder + b"/")


FILTERS: tuple[tuple[FileFilter, Callable[[Mapping[str, Any]], bool]], ...] = (
    (FileFilter(), lambda file: True),
    (FileFilter(state="synced"), lambda file: file["state"] == "synced"),
    (FileFilter(state="gone"), lambda file: False),
    (FileFilter(label="idle"), lambda file: file["label"] == "idle"),
    (FileFilter(label=""), lambda file: file["label"] is None),
    (FileFilter(category="testing"), lambda file: file["category"] == "testing"),
    (FileFilter(folder="/data/"), lambda file: True),
    (FileFilter(folder="/data/day"), below(b"/data/day")),
    (FileFilter(folder="/data/inner"), below(b"/data/inner")),
    (FileFilter(folder="/data/inner/day"), below(b"/data/inner/day")),
    (FileFilter(folder="/data/caf\udce9"), below(b"/data/caf\xe9")),
    (FileFilter(folder="/other"), lambda file: False),
    (FileFilter(search="wave.1"), lambda file: b"Wave.1" in file["name"]),
    (FileFilter(search="AY/WAVE"), lambda file: file["folder"] == b"day"),
    (FileFilter(search=UMLAUT), lambda file: file["folder"] == APART.encode()),
    (FileFilter(has_problem=True), has_problem),
    (FileFilter(differs=True), lambda file: file["differs"]),
    (FileFilter(state="ready", label="wave", has_problem=True), lambda file: (
        file["state"] == "ready" and file["label"] == "wave" and has_problem(file))),
    (FileFilter(label="wave", folder="/data/day"), lambda file: file["label"] == "wave" and below(b"/data/day")(file)),
)  # fmt: skip

KEYS: Mapping[Sort, Callable[[Mapping[str, Any]], Any]] = {
    Sort.PATH: lambda file: file["place"],
    Sort.NEWEST: lambda file: -file["id"],
    Sort.OLDEST: lambda file: file["id"],
    Sort.SIZE: lambda file: (-file["size"], -file["mtime_ns"], -file["inode"], -file["id"]),
}


def pages(shelf: Shelf, which: FileFilter, sort: Sort, *, few: int, step: int) -> Iterator[list[tuple[str, str]]]:
    """Yield the root and path of the files of each page."""
    reader = FilePages(shelf.database, few=few, step=step, max_examined=2 * step)
    after: Key | None = ()
    while after is not None:
        page = reader.page(which, sort, after=after, limit=3)
        assert len(page.files) <= 3
        yield [(record["root"], record["path"]) for _, record in page.files]
        after = page.end


@pytest.mark.parametrize("few", [0, 100], ids=["walked", "few"])
@pytest.mark.parametrize("sort", Sort)
def test_pages_have_the_files_that_fit_in_their_order(
    shelf: Shelf, files: dict[int, dict[str, Any]], sort: Sort, few: int
) -> None:
    for which, fits in FILTERS:
        fitting = sorted(filter(fits, files.values()), key=KEYS[sort])
        expected = [(file["root"], decoded(file["folder"], file["name"])) for file in fitting]
        assert expected == list(itertools.chain(*pages(shelf, which, sort, few=few, step=5))), which


def decoded(folder: bytes, name: bytes) -> str:
    return (folder + b"/" + name if folder else name).decode("utf-8", "surrogateescape")


def test_all_waiting_files_of_a_held_target_have_a_problem(shelf: Shelf) -> None:
    shelf.enqueue("a.csv")
    which = FileFilter(has_problem=True)
    assert () == FilePages(shelf.database).page(which, Sort.PATH, after=(), limit=9).files
    shelf.index.pause("main", "HTTP 401", now=NOW)
    [(_, record)] = FilePages(shelf.database).page(which, Sort.PATH, after=(), limit=9).files
    assert "a.csv" == record["path"]


@pytest.mark.parametrize(
    ("sort", "bounds"),
    [
        (Sort.PATH, "sqlite_autoindex_file_1 ((root_id,folder,name)>(?,?,?) AND (root_id,folder,name)<(?,?,?))"),
        (Sort.NEWEST, "PRIMARY KEY (rowid>? AND rowid<?)"),
        (Sort.OLDEST, "PRIMARY KEY (rowid>? AND rowid<?)"),
        (Sort.SIZE, "file_by_version ((size,mtime_ns,inode)>(?,?,?) AND (size,mtime_ns,inode)<(?,?,?))"),
    ],
)
def test_a_page_walks_the_index_of_its_order_between_two_keys(shelf: Shelf, sort: Sort, bounds: str) -> None:
    order = file_pages._ORDERS[sort]
    key = tuple(range(len(order.walked)))
    statement = file_pages._between(order, "true", has_start=True, has_end=True)
    plan = shelf.plan(statement, **file_pages._named("k", key), **file_pages._named("u", key), limit=5)
    assert plan.endswith(bounds)  # and nothing is sorted


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (file_conditions.WITH_LABEL, "file_by_label (label=?)"),
        (file_conditions.IN_STATE, "file_by_state (state=?)"),
        (file_conditions.IN_FOLDER, "sqlite_autoindex_file_1 (root_id=? AND folder>? AND folder<?)"),
        (file_conditions.WITH_PROBLEM, "file_tried"),
    ],
)
def test_an_index_tells_whether_few_files_fit(shelf: Shelf, statement: str, index: str) -> None:
    asked = {"label": "a", "state": "ready", "root_id": 1, "folder": b"a", "low": b"a/", "high": b"a0", "few": 9}
    plan = shelf.plan(statement, **{name: asked[name] for name in asked if f":{name}" in statement})
    assert index in plan
    assert not [step for step in plan.split("; ") if step.startswith("SCAN") and "INDEX" not in step]


@pytest.mark.parametrize("statement", [class_balance._COUNTS, class_balance._DIFFERENCES])
def test_a_stretch_of_the_class_balance_reads_its_rows_only(shelf: Shelf, statement: str) -> None:
    assert "SEARCH file USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in shelf.plan(statement, after=1, until=9)


# --- class balance ----------------------------------------------------------------------------------------------------


def test_the_classes_are_counted_stretch_by_stretch(shelf: Shelf, files: dict[int, dict[str, Any]]) -> None:
    rows = ClassBalanceRows(shelf.database, step=7)
    after: int | None = 0
    counted, differing = 0, 0
    while after is not None:
        stretch = rows.stretch(after)
        assert max(files) == stretch.last
        counted += sum(one.synced + one.waiting for one in stretch.counts)
        differing += sum(one.files for one in stretch.differences)
        assert {"edited"} >= {one.there for one in stretch.differences}
        assert "split" not in {one.of.category for one in stretch.counts if one.synced}
        after = stretch.end
    assert counted == sum(file["state"] not in ("quarantined", "gone", "tombstone") for file in files.values())
    assert differing == sum(file["differs"] for file in files.values()) > 0


def test_a_file_with_boxes_does_not_count_for_its_label(shelf: Shelf) -> None:
    shelf.enqueue("a.jpg", label="path", companions="{}")
    [count] = ClassBalanceRows(shelf.database).stretch(0).counts
    assert (None, True, 1) == (count.of.label, count.of.is_described, count.waiting)
