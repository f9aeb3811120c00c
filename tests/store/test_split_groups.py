"""The category of a group is decided once; beside it stands where the group has files, here and in the project."""

from dataclasses import replace
from typing import Any

import pytest

from eisync.core.labels.split import Placement
from eisync.core.lifecycle import Event
from eisync.core.listing import Learn
from eisync.core.model import Category
from eisync.store import split_groups as module
from eisync.store.split_groups import GroupFacts, SplitGroups

from .shelf import NOW, Shelf, remote

TRAINING, VALIDATION, TESTING = Category.TRAINING, Category.VALIDATION, Category.TESTING


def count(shelf: Shelf, target: str = "main", name: str = "session") -> tuple[dict[Any, int], int]:
    """Count to the end. Return the totals, and how many pages were read."""
    found, pages = shelf.index.groups.begin_count(target, name), 0
    while not found.is_done:
        shelf.index.groups.count_on(found)
        pages += 1
    assert dict(found.totals) == dict(shelf.index.groups.totals(target, name))
    return dict(found.totals), pages


def learn(shelf: Shelf, *samples: tuple[int, str, str | None, str], target: str = "main") -> None:
    """The service lists samples: id, session, label, category."""
    listed = [
        remote(identity, metadata=(("session", key),), label=label, category=category)
        for identity, key, label, category in samples
    ]
    shelf.mirrored.apply(target, [Learn(one) for one in listed], generation=None, now=NOW)


def seen(shelf: Shelf, name: str = "session") -> dict[str, tuple[Category, ...]]:
    return {one.key: one.seen for one in shelf.index.groups.every("main", name, limit=100)}


def test_a_decision_stays_also_in_the_next_process(shelf: Shelf) -> None:
    shelf.index.groups.decide("main", "session", {"a": Placement(TESTING, "first")}, now=NOW)
    shelf.reopen()
    shelf.index.groups.decide("main", "session", {"a": Placement(TRAINING, "second")}, now=NOW + 1)
    assert {"a": GroupFacts("a", TESTING, "first", (TRAINING, TESTING))} == shelf.index.groups.find(
        "main", "session", ["a", "b"]
    )
    assert [GroupFacts("a", TESTING, "first", (TRAINING, TESTING))] == shelf.index.groups.straddling("main", limit=9)
    assert {} == shelf.index.groups.find("other", "session", ["a"])
    assert {} == shelf.index.groups.find("main", "day", ["a"])


def test_the_project_is_counted_whoever_sent_the_samples(shelf: Shelf) -> None:
    learn(
        shelf,
        (1, "a", "walk", "training"),
        (2, "a", "walk", "training"),
        (3, "a", "run", "testing"),
        (4, "u\u0308", None, "validation"),
        (5, "c", "", "validation"),
        (6, "d", "walk", "anomaly"),
        (7, "", "walk", "training"),
    )
    shelf.mirrored.apply("main", [Learn(remote(8))], generation=None, now=NOW)
    totals, _ = count(shelf)
    assert {("walk", TRAINING): 2, ("run", TESTING): 1, (None, VALIDATION): 2} == totals
    assert {"a": (TRAINING, TESTING), "\u00fc": (VALIDATION,), "c": (VALIDATION,)} == seen(shelf)
    assert ["a"] == [one.key for one in shelf.index.groups.straddling("main", limit=9)]
    assert [None] == [one.category for one in shelf.index.groups.find("main", "session", ["a"]).values()]


def test_a_file_counts_until_its_sample_is_listed(shelf: Shelf) -> None:
    about: dict[str, Any] = {"metadata": {"session": "a"}, "category": TESTING}
    shelf.enqueue("waits.csv", 1, **about)
    shelf.enqueue("split.csv", 2, metadata={"session": "a"}, category=Category.SPLIT)
    assert {("wave", TESTING): 1} == count(shelf)[0]
    gone = shelf.enqueue("gone.csv", 3, **about)
    items = shelf.claim()
    shelf.settle(gone, Event.GONE)
    shelf.settle(items[0].id, Event.STORED, sample_ids=(7,), sha256="a", reason="stored")
    assert {("wave", TESTING): 1} == count(shelf)[0], "it is not listed yet"

    learn(shelf, (7, "a", "moved", "training"))
    assert {("moved", TRAINING): 1} == count(shelf)[0], "a person moved it"
    assert {"a": (TRAINING,)} == seen(shelf)


def test_a_count_replaces_the_one_before_and_keeps_decisions(shelf: Shelf) -> None:
    learn(shelf, (1, "a", "walk", "training"), (2, "a", "walk", "testing"), (3, "b", "walk", "testing"))
    shelf.index.groups.decide("main", "session", {"c": Placement(TESTING, "why")}, now=NOW)
    count(shelf)
    assert {"a": (TRAINING, TESTING), "b": (TESTING,), "c": ()} == seen(shelf)
    shelf.index.groups.decide("main", "session", {"a": Placement(TRAINING, "why")}, now=NOW)

    progress = shelf.begin_sweep(now=NOW + 50)  # a person mends it: one sample is moved, one is deleted
    shelf.list_page(progress, replace(remote(2), metadata=(("session", "a"),)), now=NOW + 50)
    shelf.finish_sweep(progress, now=NOW + 50)
    found = shelf.index.groups.begin_count("main", "session")
    shelf.index.groups.decide("main", "session", {"late": Placement(TESTING, "why")}, now=NOW)
    while not found.is_done:
        assert (TRAINING, TESTING) == seen(shelf)["a"], "the last complete count is valid"
        shelf.index.groups.count_on(found)
    assert {"a": (TRAINING,), "c": (), "late": (TESTING,)} == seen(shelf)
    assert [] == shelf.index.groups.straddling("main", limit=9)


def test_a_count_reads_page_by_page(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    learn(shelf, *((number, f"s{number}", "walk", "training") for number in range(1, 6)))
    for number in range(4):
        shelf.enqueue(f"{number}.csv", number + 1, metadata={"session": "a"}, category=TESTING)
    totals, pages = count(shelf)
    assert {("walk", TRAINING): 5, ("wave", TESTING): 4} == totals
    assert 3 + 3 == pages


def test_targets_and_names_are_apart(shelf: Shelf) -> None:
    shelf.index.register(["other"])
    learn(shelf, (1, "a", "walk", "testing"), target="other")
    assert {} == count(shelf)[0]
    assert {} == count(shelf, target="other", name="day")[0]
    assert {("walk", TESTING): 1} == count(shelf, target="other")[0]


def test_any_name_of_metadata_can_be_counted(shelf: Shelf) -> None:
    name = "a\"b'c.$[0]"
    shelf.mirrored.apply("main", [Learn(remote(1, metadata=((name, "x"),)))], generation=None, now=NOW)
    assert {("wave", TRAINING): 1} == count(shelf, name=name)[0]


def test_the_listing_of_a_project_is_known(shelf: Shelf) -> None:
    groups: SplitGroups = shelf.index.groups
    assert (None, None) == groups.listed_at("unknown") == groups.listed_at("main")
    shelf.index.note_trouble("main", "the key may not")
    assert (None, "the key may not") == groups.listed_at("main")
    shelf.sweep(now=NOW + 5)
    assert (NOW + 5, None) == groups.listed_at("main")


def test_straddling_groups_are_found_by_an_index(shelf: Shelf) -> None:
    assert "split_straddling" in shelf.plan(module._STRADDLING, target="main", limit=5)
