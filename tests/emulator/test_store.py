"""One suite for both ways to keep things: whatever holds in memory holds in a folder."""

import contextlib
import io
import os
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.emulator import statements as sql
from eisync.emulator.conditions import where
from eisync.emulator.model import (
    Duplicate,
    Facts,
    MetadataFilter,
    MetadataItem,
    NewSample,
    Page,
    Role,
    Sample,
    Selection,
    Sensor,
    Stored,
)
from eisync.emulator.spool import Body
from eisync.emulator.store import Store, StoreError, open_store
from tests.examples import examples

from .wire import sha256

NOW_MS = 1_700_000_000_000
LAB = MetadataItem("site", True, ("lab",))


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Store]:
    opened = open_store(None if request.param == "memory" else str(tmp_path / "data"))
    yield opened
    opened.close()


def sample(content: bytes = b"x", **changes: Any) -> NewSample:
    fields: dict[str, Any] = {
        "category": "training",
        "label": "idle",
        "filename": "idle.01",
        "stored_name": "idle.01.csv.00000000.pod.json",
        "sha256": sha256(content),
        "size_bytes": len(content),
        "facts": Facts(chart_type="chart", sensors=(Sensor("a", "N/A"),), interval_ms=2.5, image_size=(1, 2)),
    }
    return NewSample(**fields | changes)


def body(content: bytes, store: Store | None = None) -> Body:
    """In memory, or spooled where the store can take it over."""
    if store is None:
        return Body(content, None, len(content))
    path = os.path.join(store.spool_folder, "spooled")
    with open(path, "wb") as file:
        file.write(content)
    return Body(None, path, len(content))


def project_of(store: Store) -> int:
    return store.add_project("P", hmac_key="h", now_ms=NOW_MS).id


def commit(store: Store, project_id: int, *contents: bytes, refuse: bool = False, **changes: Any) -> list[Any]:
    pairs = [(sample(content, **changes), body(content)) for content in contents]
    return store.commit(project_id, pairs, refuse_duplicates=refuse, now_ms=NOW_MS)


def ids(store: Store, selection: Selection, page: Page | None = None) -> list[int]:
    return [one.id for one in store.list_samples(selection, page or Page(limit=1000))]


def test_a_sample_comes_back_as_it_was_given(store: Store) -> None:
    project_id = project_of(store)
    given_sample = sample(
        metadata={"ü": "☃"},
        boxes=({"label": "dog", "x": 1, "y": 2, "width": 3, "height": 4},),
        structured_labels=({"startIndex": 0, "endIndex": 0, "label": "x"},),
        label_map={"a": "b"},
        attachments=("a.mp4",),
    )
    (stored,) = store.commit(project_id, [(given_sample, body(b"x"))], refuse_duplicates=False, now_ms=NOW_MS)
    assert isinstance(stored, Stored)
    (found,) = store.list_samples(Selection(project_id=project_id), Page(limit=5))
    expected = {name: getattr(given_sample, name) for name in NewSample.__dataclass_fields__}
    assert found == Sample(
        **expected, id=stored.sample_id, project_id=project_id, added_ms=NOW_MS, modified_ms=NOW_MS, is_disabled=False
    )


@pytest.mark.parametrize("is_spooled", [True, False])
def test_bytes_come_back_and_go_with_their_last_sample(store: Store, is_spooled: bool) -> None:
    one, other = project_of(store), project_of(store)
    for project_id in (one, other):
        given_body = body(b"x", store if is_spooled else None)
        store.commit(project_id, [(sample(), given_body)], refuse_duplicates=False, now_ms=NOW_MS)
        given_body.discard()
    for project_id in (one, other):
        with store.open_content(sha256(b"x")) as file:
            assert file.read() == b"x"
        assert store.delete(Selection(project_id=project_id), now_ms=NOW_MS) == 1
    with pytest.raises(FileNotFoundError):
        store.open_content(sha256(b"x"))
    assert os.listdir(store.spool_folder) == []


def test_a_duplicate_is_refused_within_its_project_whatever_its_category_and_label(store: Store) -> None:
    one, other = project_of(store), project_of(store)
    first, same, second = commit(store, one, b"a", b"a", b"b", refuse=True)
    assert same == Duplicate((first.sample_id,))
    assert isinstance(second, Stored)
    assert commit(store, one, b"a", refuse=True, category="testing", label="z") == [Duplicate((first.sample_id,))]
    assert isinstance(commit(store, other, b"a", refuse=True)[0], Stored)
    (again,) = commit(store, one, b"a")
    assert commit(store, one, b"a", refuse=True) == [Duplicate((first.sample_id, again.sample_id))]
    store.delete(Selection(project_id=one), now_ms=NOW_MS)
    assert isinstance(commit(store, one, b"a", refuse=True)[0], Stored)


def test_ids_are_never_given_twice(store: Store) -> None:
    project_id = project_of(store)
    (first,) = commit(store, project_id, b"a")
    store.delete(Selection(project_id=project_id), now_ms=NOW_MS)
    (second,) = commit(store, project_id, b"a")
    assert second.sample_id > first.sample_id


def test_the_account_is_exact_and_deletion_does_not_lower_it(store: Store) -> None:
    one, other = project_of(store), project_of(store)
    commit(store, one, b"a", b"a", b"b")
    commit(store, one, b"a", refuse=True)
    commit(store, other, b"a")
    store.delete(Selection(project_id=one), now_ms=NOW_MS)
    everything, of_one = store.account(None), store.account(one)
    assert everything.stored_by_hash == {sha256(b"a"): 3, sha256(b"b"): 1}
    assert everything.tallies == {"commits": 2, "duplicates_refused": 1}
    assert (everything.stored, of_one.stored) == (1, 0)
    assert of_one.stored_by_hash == {sha256(b"a"): 2, sha256(b"b"): 1}
    assert of_one.tallies == {"commits": 1, "duplicates_refused": 1}


def test_a_commit_that_fails_stores_nothing(store: Store) -> None:
    project_id = project_of(store)
    broken = [(sample(b"a"), body(b"a")), (sample(b"b", label=object()), body(b"b"))]
    with pytest.raises(sqlite3.Error):
        store.commit(project_id, broken, refuse_duplicates=False, now_ms=NOW_MS)
    assert store.count_samples(Selection(project_id=project_id)) == 0
    assert store.account(None).stored_by_hash == {}


@pytest.mark.parametrize(
    ("narrowed", "expected"),
    [
        ({}, "abcd"),
        ({"category": "testing"}, "b"),
        ({"labels": ("idle", "a&b")}, "ab"),
        ({"labels": ("",)}, "d"),
        ({"filename": "wave.01"}, "ab"),
        ({"filename": "WAVE"}, ""),
        ({"filename": "WAVE", "ignores_case": True}, "abc"),
        ({"filename": "%"}, ""),
        ({"search": "run"}, "c"),
        ({"search": "other"}, "d"),
        ({"metadata": MetadataFilter((LAB,))}, "bc"),
        ({"metadata": MetadataFilter((LAB, MetadataItem("who", True, ("it's",))))}, "c"),
        ({"metadata": MetadataFilter((MetadataItem("site", True, ("it", "la")),))}, ""),
        ({"exclude_ids": (2, 5, 99)}, "bc"),
        ({"ids": (2, 3), "exclude_ids": (3,)}, "a"),
        ({"is_disabled": True}, "a"),
        ({"is_disabled": False}, "bcd"),
        ({"min_added_ms": NOW_MS + 1, "max_added_ms": NOW_MS + 2}, "bc"),
        ({"ids": ()}, ""),
        ({"labels": ("'; drop table sample; --",)}, ""),
        ({"category": "training", "filename": "wave", "is_disabled": False}, "c"),
    ],
)
def test_a_selection_narrows_by_every_filter(store: Store, narrowed: dict[str, Any], expected: str) -> None:
    project_id = project_of(store)
    commit(store, project_of(store), b"of another project")
    rows: list[dict[str, Any]] = [
        {"filename": "wave.01"},
        {"filename": "wave.010", "label": "a&b", "category": "testing", "metadata": {"site": "lab"}},
        {"filename": "wave.1", "label": "run", "metadata": {"site": "lab", "who": "it's"}},
        {"filename": "other", "label": ""},
    ]
    letters = {}
    for index, row in enumerate(rows):
        pair = (sample(bytes([index]), **row), body(bytes([index])))
        (stored,) = store.commit(project_id, [pair], refuse_duplicates=True, now_ms=NOW_MS + index)
        assert isinstance(stored, Stored)
        letters[stored.sample_id] = "abcd"[index]
    first_id = min(letters)
    store.edit(Selection(project_id=project_id, ids=(first_id,)), "is_disabled", True, now_ms=NOW_MS)
    selection = Selection(project_id=project_id, **narrowed)
    assert "".join(letters[one] for one in reversed(ids(store, selection))) == expected
    assert store.count_samples(selection) == len(expected)
    assert store.delete(selection, now_ms=NOW_MS) == len(expected)
    assert store.count_samples(Selection(project_id=project_id)) == 4 - len(expected)


@pytest.mark.parametrize(
    ("column", "value", "field"),
    [
        ("label", "new", "label"),
        ("filename", "new", "filename"),
        ("category", "testing", "category"),
        ("is_disabled", True, "is_disabled"),
        ("metadata", {"a": "b"}, "metadata"),
        ("metadata", None, "metadata"),
        ("boxes", ({"label": "x"},), "boxes"),
    ],
)
def test_an_edit_changes_the_selected_and_their_date(store: Store, column: str, value: object, field: str) -> None:
    project_id = project_of(store)
    first, second = commit(store, project_id, b"a", b"b")
    assert store.project(project_id).modified_ms == NOW_MS
    changed = store.edit(Selection(project_id=project_id, ids=(first.sample_id,)), column, value, now_ms=NOW_MS + 5)
    assert changed == 1
    untouched, edited = store.list_samples(Selection(project_id=project_id), Page(limit=2))
    assert (getattr(edited, field), edited.modified_ms) == (value, NOW_MS + 5)
    assert (untouched.id, untouched.modified_ms) == (second.sample_id, NOW_MS)
    assert store.project(project_id).modified_ms == NOW_MS + 5


def test_what_is_no_property_of_a_sample_cannot_be_edited(store: Store) -> None:
    with pytest.raises(ValueError):
        store.edit(Selection(project_id=1), "id = 5; --", "x", now_ms=NOW_MS)


def test_an_edit_that_meets_nothing_is_no_modification(store: Store) -> None:
    project_id = project_of(store)
    assert store.edit(Selection(project_id=project_id), "label", "x", now_ms=NOW_MS) == 0
    assert store.delete(Selection(project_id=project_id), now_ms=NOW_MS) == 0
    assert store.project(project_id).modified_ms is None


def test_a_key_opens_one_project_and_exists_once(store: Store) -> None:
    one, other = project_of(store), project_of(store)
    key = store.add_key(one, "ei_a", Role.READONLY)
    assert store.find_key("ei_a") == key
    assert (key.project_id, key.role) == (one, Role.READONLY)
    with pytest.raises(ValueError):
        store.add_key(other, "ei_a", Role.ADMIN)
    assert store.find_key("ei_b") is None


def test_counts_by_label_add_up(store: Store) -> None:
    project_id = project_of(store)
    commit(store, project_id, b"a", b"b")
    commit(store, project_id, b"c", category="testing")
    commit(store, project_id, b"d", label="run")
    assert store.count_by_label(project_id) == [
        ("idle", "testing", 1),
        ("idle", "training", 2),
        ("run", "training", 1),
    ]


@given(steps=st.lists(st.one_of(st.sampled_from("abc"), st.integers(0, 30)), max_size=60), limit=st.integers(1, 7))
@settings(max_examples=examples(40))
def test_keyset_paging_finds_exactly_what_a_plain_list_holds(steps: list[str | int], limit: int) -> None:
    """A letter stores a sample with that label, a number deletes the sample at that place."""
    opened = open_store(None)
    project_id = project_of(opened)
    model: dict[int, str] = {}
    for count, step in enumerate(steps):
        if isinstance(step, str):
            (stored,) = commit(opened, project_id, str(count).encode(), label=step)
            model[stored.sample_id] = step
        elif model:
            gone = list(model)[step % len(model)]
            del model[gone]
            opened.delete(Selection(project_id=project_id, ids=(gone,)), now_ms=NOW_MS)
    for labels in ((), ("a",), ("a", "c")):
        swept: list[int] = []
        max_id = None
        while True:
            page = ids(opened, Selection(project_id=project_id, labels=labels, max_id=max_id), Page(limit=limit))
            if not page:
                break
            swept += page
            max_id = page[-1]
        assert swept == [one for one in sorted(model, reverse=True) if not labels or model[one] in labels]
        by_offset = ids(opened, Selection(project_id=project_id, labels=labels), Page(limit=limit, offset=2))
        assert by_offset == swept[2 : 2 + limit]
    assert sorted(ids(opened, Selection(project_id=project_id), Page(limit=100, shuffled=True))) == sorted(model)
    opened.close()


def many(folder: str, count: int) -> tuple[Store, int, dict[int, str]]:
    """A store with so many samples of two categories, some of them gone again; id -> category of what is left."""
    with contextlib.closing(open_store(folder)) as store:
        project_id = project_of(store)
        commit(store, store.add_project("other", hmac_key="h", now_ms=NOW_MS).id, b"x")
        for first in range(0, count, 100):  # requests that begin and end in the middle of a block
            pairs = [
                (sample(b"%d" % number, category="training" if number % 3 else "testing"), body(b"%d" % number))
                for number in range(first, first + 100)
            ]
            store.commit(project_id, pairs, refuse_duplicates=False, now_ms=NOW_MS)
    with contextlib.closing(sqlite3.connect(os.path.join(folder, "emulator.db"))) as database:
        database.execute("delete from sample where id between 500 and 1100 or id % 7 = 0")
        database.execute("update sample set category = 'testing' where id % 11 = 0")
        database.commit()
        found = database.execute("select id, category from sample where project_id = ?", [project_id])
        left = {int(sample_id): str(category) for sample_id, category in found}
    return open_store(folder), project_id, left


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, int, dict[int, str]]]:
    made = many(str(tmp_path_factory.mktemp("large")), 5000)
    yield made
    made[0].close()


@given(
    offset=st.integers(0, 6000),
    category=st.sampled_from([None, "training", "testing", "validation"]),
    min_id=st.none() | st.integers(-5, 6000),
    max_id=st.none() | st.integers(-5, 6000),
    label=st.sampled_from([(), ("idle",)]),
)
@settings(max_examples=examples(150))
def test_paging_by_offset_and_counting_agree_with_a_plain_list_at_any_depth(
    large: tuple[Store, int, dict[int, str]],
    offset: int,
    category: str | None,
    min_id: int | None,
    max_id: int | None,
    label: tuple[str, ...],
) -> None:
    store, project_id, left = large
    wanted = Selection(project_id=project_id, category=category, min_id=min_id, max_id=max_id, labels=label)
    expected = [
        sample_id
        for sample_id in sorted(left, reverse=True)
        if category in (None, left[sample_id])
        and (min_id is None or sample_id >= min_id)
        and (max_id is None or sample_id < max_id)
    ]
    assert store.count_samples(wanted) == len(expected)
    assert ids(store, wanted, Page(limit=20, offset=offset)) == expected[offset : offset + 20]


def test_a_folder_of_an_older_emulator_is_counted_and_its_files_are_read(tmp_path: Any) -> None:
    folder = str(tmp_path)
    os.makedirs(os.path.join(folder, "blobs", sha256(b"old")[:2]))
    with open(os.path.join(folder, "blobs", sha256(b"old")[:2], sha256(b"old")), "wb") as file:
        file.write(b"old")
    with contextlib.closing(sqlite3.connect(os.path.join(folder, "emulator.db"))) as database:
        for statement in sql.statements_of(sql.MIGRATIONS[0]):
            database.execute(statement)
        database.execute("insert into project values (1, 'P', 'o', 'h', 0, null)")
        database.execute(
            "insert into sample values (7, 1, 'testing', 'l', 'f', 'f.csv.0.p.json', ?, 3, 1, 1, 0, ?, null, '[]',"
            " null, null, '[]')",
            [sha256(b"old"), '{"chart_type": "chart", "sensors": [], "image_size": null}'],
        )
        ever_stored = {sha256(b"old"): 2, sha256(b"removed long ago"): 3}
        database.executemany("insert into ever_stored values (1, ?, ?)", ever_stored.items())
        database.execute("pragma user_version = 1")
        database.commit()
    with contextlib.closing(open_store(folder)) as store:
        assert store.account(1).stored_by_hash == ever_stored
        assert store.count_by_label(1) == [("l", "testing", 1)]
        assert store.count_samples(Selection(project_id=1)) == 1
        with store.open_content(sha256(b"old")) as content:
            assert content.read() == b"old"
        store.delete(Selection(project_id=1), now_ms=NOW_MS)
        assert store.account(1).stored_by_hash == ever_stored
        assert store.count_by_label(1) == []
        with pytest.raises(FileNotFoundError):
            store.open_content(sha256(b"old"))


@pytest.mark.parametrize(
    "wanted",
    [
        Selection(project_id=1),
        Selection(project_id=1, category="training"),
        Selection(project_id=1, labels=("idle",)),
        Selection(project_id=1, labels=("idle", "wave")),
        Selection(project_id=1, filename="01"),
        Selection(project_id=1, is_disabled=True),
        Selection(project_id=1, category="testing", labels=("idle",), max_id=7),
    ],
)
def test_a_page_at_any_depth_reads_no_sample_that_it_does_not_show(tmp_path: Any, wanted: Selection) -> None:
    open_store(str(tmp_path)).close()
    condition, values = where(wanted)
    for order in ("id desc", "id asc"):
        statement = "explain query plan " + sql.LIST_SAMPLES.format(where=condition, order=order)
        with contextlib.closing(sqlite3.connect(tmp_path / "emulator.db")) as database:
            plan = database.execute(statement, values | {"limit": 1000, "offset": 9000}).fetchall()
        (skipped,) = [step[3] for step in plan if "project_id=" in step[3]]
        assert "COVERING INDEX" in skipped, plan


def test_the_samples_of_a_device_are_found_by_their_index(tmp_path: Any) -> None:
    open_store(str(tmp_path)).close()
    condition, values = where(Selection(project_id=1, device="dev"))
    statement = "explain query plan " + sql.LIST_SAMPLES.format(where=condition, order="id desc")
    with contextlib.closing(sqlite3.connect(tmp_path / "emulator.db")) as database:
        plan = database.execute(statement, values | {"limit": 50, "offset": 0}).fetchall()
    assert ["sample_by_device" in step[3] for step in plan if "project_id=" in step[3]] == [True]


def test_the_largest_labels_are_those_of_most_samples(store: Store) -> None:
    project_id = project_of(store)
    for number in range(6):
        commit(store, project_id, b"%d" % number)
        wanted = Selection(project_id=project_id, ids=(number + 1,))
        store.edit(wanted, "label", ("a", "b", "b", "c", "c", "c")[number], now_ms=1)
    expected = [("b", "training", 2), ("c", "training", 3)]
    assert store.count_by_label(project_id, largest=2) == expected
    assert store.count_by_label(project_id) == [("a", "training", 1), *expected]


def test_a_file_twice_in_one_request_is_a_duplicate_of_itself(store: Store) -> None:
    project_id = project_of(store)
    assert commit(store, project_id, b"x", b"y", b"x", refuse=True) == [Stored(1), Stored(2), Duplicate((1,))]
    assert commit(store, project_id, b"z", b"z") == [Stored(3), Stored(4)]


def test_a_folder_gives_everything_back_when_it_is_opened_again(tmp_path: Any) -> None:
    folder = str(tmp_path / "data")
    opened = open_store(folder)
    project_id = project_of(opened)
    opened.add_key(project_id, "ei_a", Role.ADMIN)
    commit(opened, project_id, b"a", b"b")
    before = opened.list_samples(Selection(project_id=project_id), Page(limit=5)), opened.account(None)
    with open(os.path.join(opened.spool_folder, "left by a kill"), "wb") as file:
        file.write(b"half")
    opened.close()
    again = open_store(folder)
    assert (again.list_samples(Selection(project_id=project_id), Page(limit=5)), again.account(None)) == before
    assert again.find_key("ei_a") is not None
    with again.open_content(sha256(b"a")) as file:
        assert file.read() == b"a"
    assert os.listdir(again.spool_folder) == []
    again.close()


def test_a_folder_serves_one_emulator_at_a_time(tmp_path: Any) -> None:
    folder = str(tmp_path / "data")
    opened = open_store(folder)
    with pytest.raises(StoreError, match="cannot be used"):
        open_store(folder)
    opened.close()
    open_store(folder).close()


def test_a_folder_that_cannot_be_used_says_so(tmp_path: Any) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot be used"):
        open_store(str(tmp_path / "file"))
    (tmp_path / "emulator.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match="cannot be used"):
        open_store(str(tmp_path))


def test_a_body_in_memory_reads_like_one_on_disk(tmp_path: Any) -> None:
    (tmp_path / "spooled").write_bytes(b"abc")
    for one in (Body(b"abc", None, 3), Body(None, str(tmp_path / "spooled"), 3)):
        with one.open() as file:
            assert io.BytesIO(file.read()).getvalue() == one.read() == b"abc"
