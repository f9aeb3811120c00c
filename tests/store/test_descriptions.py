from dataclasses import replace

import pytest

from eisync.core.labels.description import Description
from eisync.core.lifecycle import Event, State
from eisync.core.model import Category
from eisync.store.descriptions import _FOLDERS, _WITH_PARTS, Descriptions

from .shelf import NOW, Shelf

PATHS = ["a.csv", "a/1.csv", "a/2.csv", "a/b/1.csv", "a/b/2.csv", "a-b/1.csv", "a0/1.csv", "ab/1.csv", "z.csv"]
BELOW_A = ["a/1.csv", "a/2.csv", "a/b/1.csv", "a/b/2.csv"]
SAID = Description(label="new", category=Category.TESTING, metadata={"k": "v"}, companions='{"boxes":[1]}')


def filled(shelf: Shelf) -> Descriptions:
    for path in PATHS:
        shelf.enqueue(path)
    return Descriptions(shelf.database)


def pages(descriptions: Descriptions, root_id: int, folder: str, limit: int, *, is_deep: bool) -> list[str]:
    found: list[str] = []
    while True:
        page = descriptions.within(root_id, folder, is_deep=is_deep, after=found[-1] if found else "", limit=limit)
        found += [one.path for one in page]
        if len(page) < limit:
            return found


def test_a_folder_is_read_page_by_page_with_what_is_below_it_and_no_other(shelf: Shelf) -> None:
    descriptions = filled(shelf)
    for limit in range(1, 12):
        assert BELOW_A == pages(descriptions, shelf.root.id, "a", limit, is_deep=True)
        assert BELOW_A[:2] == pages(descriptions, shelf.root.id, "a", limit, is_deep=False)
        assert ["a.csv", "z.csv"] == pages(descriptions, shelf.root.id, "", limit, is_deep=False)
        assert sorted(PATHS) == sorted(pages(descriptions, shelf.root.id, "", limit, is_deep=True))


def test_a_state_is_read_page_by_page_though_its_files_are_described_meanwhile(shelf: Shelf) -> None:
    descriptions = filled(shelf)
    found: list[str] = []
    cursor = (0.0, 0)
    while page := descriptions.in_state(shelf.root.id, State.READY, after=cursor, limit=2):
        found += [one.path for one in page]
        cursor = page[-1].cursor
        descriptions.describe([(one.id, SAID) for one in page])
    assert PATHS == found
    assert {"new"} == {item.label for item in shelf.claim()}


@pytest.mark.parametrize("limit", [1, 2, 6, 7, 100])
def test_the_folders_are_listed_page_by_page(shelf: Shelf, limit: int) -> None:
    descriptions = filled(shelf)
    found: list[str] = []
    while page := descriptions.folders(shelf.root.id, after=found[-1] if found else None, limit=limit):
        assert len(page) <= limit
        found += page
    assert ["", "a", "a-b", "a/b", "a0", "ab"] == found


def test_a_page_of_folders_seeks_and_does_not_walk(shelf: Shelf) -> None:
    plan = shelf.plan(_FOLDERS, root_id=1, first=b"", limit=1)
    steps = [step for step in plan.split("; ") if " file " in f"{step} "]
    assert steps
    assert all("SEARCH" in step and "(root_id=? AND folder" in step for step in steps), plan


def test_the_folders_of_waiting_files_with_boxes_are_listed(shelf: Shelf) -> None:
    descriptions = filled(shelf)
    assert [] == descriptions.folders_with_parts(shelf.root.id, limit=100)
    some = descriptions.at(shelf.root.id, ["a/1.csv", "a/2.csv", "z.csv"])
    descriptions.describe([(one.id, SAID) for one in some])
    assert ["", "a"] == descriptions.folders_with_parts(shelf.root.id, limit=100)
    assert ["a"] == descriptions.folders_with_parts(shelf.root.id, limit=2), "of the files that are due first"
    assert [] == descriptions.folders_with_parts(shelf.root.id + 1, limit=100)
    shelf.claim()
    assert [] == descriptions.folders_with_parts(shelf.root.id, limit=100), "they are being sent"


def test_few_waiting_files_are_read_to_list_their_folders(shelf: Shelf) -> None:
    assert "file_due" in shelf.plan(_WITH_PARTS, root_id=1, limit=1)
    assert "SCAN file " not in f"{shelf.plan(_WITH_PARTS, root_id=1, limit=1)} "


def test_a_file_is_sent_with_its_last_description(shelf: Shelf) -> None:
    identity = shelf.enqueue()
    Descriptions(shelf.database).describe([(identity, SAID)])
    [item] = shelf.claim()
    assert (SAID.label, SAID.category, (("k", "v"),), SAID.companions) == (
        item.label,
        item.category,
        item.metadata,
        item.companions,
    )


def test_what_is_under_way_or_there_keeps_what_it_was_sent_with(shelf: Shelf) -> None:
    descriptions = Descriptions(shelf.database)
    synced = shelf.sync("synced.csv", 7)
    sending = shelf.enqueue("sending.csv")
    shelf.claim()
    descriptions.describe([(synced, SAID), (sending, SAID)])
    assert {"new"}.isdisjoint({str(record["label"]) for record in shelf.index.records.files()})
    assert ["sending.csv"] == [one.path for one in descriptions.at(shelf.root.id, ["sending.csv", "synced.csv"])]


def test_a_file_that_is_held_back_settles_with_the_reason(shelf: Shelf) -> None:
    identity = shelf.enqueue()
    Descriptions(shelf.database).hold_back([identity], "its sidecar is broken", now=NOW)
    assert ("settling", "its sidecar is broken") == (shelf.record("a.csv")["state"], shelf.record("a.csv")["reason"])
    assert (Event.CHANGED, State.SETTLING) == shelf.history(identity)[-1]


def test_by_what_a_root_was_described_is_remembered(shelf: Shelf) -> None:
    descriptions = Descriptions(shelf.database)
    assert descriptions.described_by(shelf.root.id) is None
    descriptions.note_described(shelf.root.id, "rules")
    assert "rules" == descriptions.described_by(shelf.root.id)


def remarked(shelf: Shelf, folder: str, *, is_deep: bool, limit: int = 10) -> list[str]:
    found: list[str] = []
    after_id = 0
    while page := Descriptions(shelf.database).remarked(
        shelf.root.id, folder, is_deep=is_deep, after_id=after_id, limit=limit
    ):
        found += [one.path for one in page]
        after_id = page[-1].id
    return found


def test_a_file_enters_and_is_described_with_its_name_and_with_what_is_not_sent(shelf: Shelf) -> None:
    identity = shelf.enqueue(sent_as="idle.csv", remarks={"name": "why"})
    [found] = Descriptions(shelf.database).at(shelf.root.id, ["a.csv"])
    assert ("idle.csv", {"name": "why"}) == (found.description.name, found.description.remarks)
    Descriptions(shelf.database).describe([(identity, replace(SAID, name="wave.csv", remarks={}))])
    [found] = Descriptions(shelf.database).at(shelf.root.id, ["a.csv"])
    assert ("wave.csv", {}) == (found.description.name, found.description.remarks)
    [item] = shelf.claim()
    assert ("wave.csv", "wave.csv") == (item.sent_as, item.name)


@pytest.mark.parametrize("limit", [1, 2, 10])
def test_files_sent_without_something_are_listed_by_folder_and_their_remarks_change(shelf: Shelf, limit: int) -> None:
    for number, path in enumerate(PATHS):
        shelf.enqueue(path, remarks={"name": "why", "attachments": "what"} if path != "a/2.csv" else {})
        [item] = shelf.claim()
        shelf.settle(item.id, Event.STORED, sample_ids=(number + 1,), sha256="a")
    left = [path for path in PATHS if path != "a/2.csv"]
    assert left == remarked(shelf, "", is_deep=True, limit=limit)
    assert ["a.csv", "z.csv"] == remarked(shelf, "", is_deep=False, limit=limit)
    assert ["a/1.csv", "a/b/1.csv", "a/b/2.csv"] == remarked(shelf, "a", is_deep=True, limit=limit)
    assert ["a/1.csv"] == remarked(shelf, "a", is_deep=False, limit=limit)
    remarks = [(one.kind, one.files, one.example) for one in shelf.index.roots()[0].remarks]
    assert [("attachments", 8, "what"), ("name", 8, "why")] == remarks
    Descriptions(shelf.database).remark([(shelf.id_of("a/1.csv"), {}), (shelf.id_of("z.csv"), {"name": "other"})])
    remarks = [(one.kind, one.files, one.example) for one in shelf.index.roots()[0].remarks]
    assert [("attachments", 6, "what"), ("name", 7, "other")] == remarks


def test_a_waiting_file_keeps_its_description(shelf: Shelf) -> None:
    identity = shelf.enqueue(remarks={"name": "why"})
    Descriptions(shelf.database).remark([(identity, {})])
    assert [1] == [one.files for one in shelf.index.roots()[0].remarks]
    assert [] == remarked(shelf, "", is_deep=True)
