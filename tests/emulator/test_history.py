"""The history against a model: every version is what the dataset was, and a restore brings exactly that back."""

import contextlib
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eisync.emulator.history import HistoryOptions
from eisync.emulator.model import CHANGE_ACTIONS, Actor, Page, Sample, Selection
from eisync.emulator.store import Store, open_store
from tests.examples import examples

from .test_store import NOW_MS, body, commit, project_of, sample
from .wire import sha256

EVERYTHING = Page(limit=1000)
ME = Actor("projectApiKey", 1)
EACH = HistoryOptions(window_ms=0, commit_ms=0)  # every change is a version of its own

Step = tuple[str, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "label", "move", "metadata", "delete", "delete some", "restore"]), st.integers(0, 9)
    ),
    max_size=14,
)


def samples(store: Store, project_id: int) -> list[Sample]:
    return store.list_samples(Selection(project_id=project_id), EVERYTHING)


def contents(found: list[Sample]) -> list[Sample]:
    """Without what a restore writes anew."""
    return [replace(one, modified_ms=0, updated_by=None) for one in found]


def take(store: Store, project_id: int, step: Step, now_ms: int) -> None:
    what, number = step
    ids = [one.id for one in samples(store, project_id)]
    chosen = ids[number % len(ids)] if ids else 0
    one = Selection(project_id=project_id, ids=(chosen,))
    stamp: dict[str, Any] = {"now_ms": now_ms, "actor": ME}
    if what == "add":
        pairs = [(sample(content, label=f"l{number % 3}"), body(content)) for content in (b"%d" % now_ms, b"same")]
        store.commit(project_id, pairs, refuse_duplicates=False, **stamp)
    elif what == "label":
        store.edit(one, "label", f"l{number % 3}", **stamp)
    elif what == "move":
        store.edit(Selection(project_id=project_id), "category", ("training", "testing")[number % 2], **stamp)
    elif what == "metadata":
        store.edit(one, "metadata", {"n": str(number)} if number % 2 else None, **stamp)
    elif what == "delete":
        store.delete(one, **stamp)
    elif what == "delete some":
        store.delete(Selection(project_id=project_id, labels=(f"l{number % 3}",)), **stamp)
    elif found := versions(store, project_id, now_ms):
        store.restore(found[number % len(found)], ME, group_key="k", now_ms=now_ms)


def versions(store: Store, project_id: int, now_ms: int) -> list[Any]:
    """Oldest first."""
    with store.reading_history(project_id, now_ms) as history:
        return history.list_versions(project_id, now_ms, EVERYTHING)[0][::-1]


@settings(max_examples=examples(60))
@given(STEPS)
def test_every_version_is_what_the_dataset_was(steps: list[Step]) -> None:
    with contextlib.closing(open_store(None, EACH)) as store:
        project_id = project_of(store)
        commit(store, project_of(store), b"of another project")
        were: list[list[Sample]] = []
        for index, step in enumerate(steps):
            now_ms = NOW_MS + 10 * index
            take(store, project_id, step, now_ms)
            if len(versions(store, project_id, now_ms)) > len(were):
                were.append(samples(store, project_id))
        end_ms = NOW_MS + 10 * len(steps)
        found = versions(store, project_id, end_ms)
        assert len(found) == len(were)
        for version, expected in zip(found, were, strict=True):
            with store.reading_history(project_id, end_ms) as history:
                listed, total = history.list_changes(version, Selection(project_id=project_id), EVERYTHING, None)
            assert [one for one, _ in listed] == expected
            assert total == len(expected)
        before: list[Sample] = []
        for version, after in zip(found, were, strict=True):
            check_changes(store, version, before, after, end_ms)
            before = after
        for version, expected in zip(found, were, strict=True):
            store.restore(version, ME, group_key="k", now_ms=end_ms)
            assert contents(samples(store, project_id)) == contents(expected)
            check_sums(store, project_id)
            for one in expected:
                with store.open_content(one.sha256) as file:
                    assert sha256(file.read()) == one.sha256


def check_changes(store: Store, version: Any, before: list[Sample], after: list[Sample], now_ms: int) -> None:
    """What a version says that it did is the way from the one before it to it."""
    old, new = {one.id: one for one in before}, {one.id: one for one in after}
    with store.reading_history(version.project_id, now_ms) as history:
        everything = Selection(project_id=version.project_id)
        listed, _ = history.list_changes(version, everything, EVERYTHING, CHANGE_ACTIONS)
    changes = {one.id: change for one, change in listed if change is not None}
    by_action = Counter(action for change in changes.values() for action in change.actions)
    assert (version.inserts, version.updates, version.deletes, version.changed) == (
        by_action["insert"],
        by_action["update"],
        by_action["delete"],
        len(changes),
    )
    assert {one for one, change in changes.items() if change.actions == ("delete",)} == old.keys() - new.keys()
    assert {one for one, change in changes.items() if "insert" in change.actions} == new.keys() - old.keys()
    for one in old.keys() & new.keys():
        if contents([old[one]]) != contents([new[one]]):
            assert changes[one].actions == ("update",)


def check_sums(store: Store, project_id: int) -> None:
    """What listings and pages are answered from."""
    found = samples(store, project_id)
    counted = Counter((one.label, one.category) for one in found)
    assert {(label, category): number for label, category, number in store.count_by_label(project_id)} == counted
    assert store.count_samples(Selection(project_id=project_id)) == len(found)
    assert store.account(project_id).stored == len(found)


def test_bytes_are_kept_for_a_restore_and_go_with_the_history(tmp_path: Any) -> None:
    with contextlib.closing(open_store(str(tmp_path), EACH)) as store:
        project_id = project_of(store)
        commit(store, project_id, b"x")
        store.delete(Selection(project_id=project_id), now_ms=NOW_MS)
        with store.open_content(sha256(b"x")) as file:
            assert file.read() == b"x"
    with contextlib.closing(open_store(str(tmp_path))) as store, pytest.raises(FileNotFoundError):
        store.open_content(sha256(b"x"))


def test_the_oldest_versions_are_forgotten_with_what_only_they_could_restore() -> None:
    with contextlib.closing(open_store(None, HistoryOptions(window_ms=0, commit_ms=0, max_versions=2))) as store:
        project_id = project_of(store)
        commit(store, project_id, b"x")
        store.delete(Selection(project_id=project_id), now_ms=NOW_MS + 1)
        assert len(versions(store, project_id, NOW_MS + 2)) == 2
        for number in range(2, 4):
            store.open_content(sha256(b"x")).close()
            pair = (sample(b"%d" % number), body(b"%d" % number))
            store.commit(project_id, [pair], refuse_duplicates=False, now_ms=NOW_MS + number)
            found = versions(store, project_id, NOW_MS + number)
            assert [one.version_index for one in found] == [number - 1, number]
        with pytest.raises(FileNotFoundError):
            store.open_content(sha256(b"x"))
        store.restore(found[0], ME, group_key="k", now_ms=NOW_MS + 9)
        assert [one.sha256 for one in samples(store, project_id)] == [sha256(b"2")]


@pytest.mark.parametrize(
    ("signs", "upload", "edit"), [("all", True, True), ("edits", False, True), ("none", False, False)]
)
def test_samples_bear_who_updated_them_last_as_the_store_is_told(signs: str, upload: bool, edit: bool) -> None:
    with contextlib.closing(open_store(None, EACH, signs=signs)) as store:
        project_id = project_of(store)
        pair = (sample(), body(b"x"))
        store.commit(project_id, [pair], refuse_duplicates=False, now_ms=NOW_MS, actor=ME)
        mine = {"type": "projectApiKey", "id": 1}
        assert samples(store, project_id)[0].updated_by == (mine if upload else None)
        store.edit(Selection(project_id=project_id), "label", "z", now_ms=NOW_MS + 1, actor=Actor("user", 7))
        assert samples(store, project_id)[0].updated_by == ({"type": "user", "id": 7} if edit else None)
        for version, actor in zip(
            versions(store, project_id, NOW_MS + 9), (mine, {"type": "user", "id": 7}), strict=True
        ):
            with store.reading_history(project_id, NOW_MS + 9) as history:
                assert history.list_actors(version) == [actor]
