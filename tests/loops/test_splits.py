"""A person splits or crops samples in Studio: no file is removed because of it, in whatever order it is noticed."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from eisync.core.actions import Progress
from eisync.core.lifecycle import State
from eisync.core.model import RemoteSample
from eisync.core.policy import OnRemoteDelete, Policy
from eisync.core.retention import Why, why_unconfirmed
from eisync.store.retention import Removals
from tests.examples import examples

from .stage import INTERVAL_S, Stage
from .yard import Yard

SYNCED, TOMBSTONE = State.SYNCED, State.TOMBSTONE
WAYS = [OnRemoteDelete.KEEP, OnRemoteDelete.TRASH, OnRemoteDelete.DELETE]


def segments(stage: Stage, before: RemoteSample, number: int = 2, **more: Any) -> list[int]:
    """Replace a sample by the segments of a split."""
    first = stage.cloud._last_id + 1  # the service uses no id twice
    stage.cloud._last_id += number
    for position in range(number):
        named = {
            "filename": f"{before.filename}.s{position + 1}",
            "sha256": f"{first + position:064x}",
            "is_cropped": True,
        }
        stage.cloud.samples[first + position] = replace(before, id=first + position, **{**named, **more})
    return list(range(first, first + number))


def split(stage: Stage, path: str, **more: Any) -> list[int]:
    before = stage.cloud.samples.pop(stage.sample_of(path))
    return segments(stage, before, **more)


def sweep_twice(stage: Stage) -> None:
    for _ in range(3):
        stage.sweep(after_s=INTERVAL_S)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"is_cropped": False},
        {"filename": "any"},
        {"original_name": None},
        {"original_name": None, "filename": "a"},
        {"original_name": None, "is_cropped": False},
    ],
    ids=["all", "no flag", "no name", "no original name", "the same name", "the name only"],
)
def test_a_recording_that_was_split_stays(yard: Yard, way: OnRemoteDelete, shown: dict[str, Any]) -> None:
    stage = Stage(yard, Policy(on_remote_delete=way))
    stage.put("a.csv", "b.csv")
    cut = split(stage, "a.csv", **shown)
    sweep_twice(stage)
    record = yard.record("a.csv")
    assert (SYNCED, [], True) == (stage.states["a.csv"], stage.all_acts(), yard.path("a.csv").exists())
    assert set(cut) < set(record["sample_ids"])
    assert "2 samples cut from it are there" in record["reason"]
    assert "split" in stage.history("a.csv")


@pytest.mark.parametrize("way", WAYS)
def test_segments_that_are_listed_later_lift_the_tombstone(yard: Yard, way: OnRemoteDelete) -> None:
    stage = Stage(yard, Policy(on_remote_delete=OnRemoteDelete.KEEP))
    stage.put("a.csv", "b.csv")
    before = stage.cloud.samples.pop(stage.sample_of("a.csv"))
    sweep_twice(stage)
    assert TOMBSTONE is stage.states["a.csv"]
    segments(stage, before)
    stage.policies[yard.root.id] = Policy(on_remote_delete=way)
    sweep_twice(stage)
    assert (SYNCED, [], True) == (stage.states["a.csv"], stage.all_acts(), yard.path("a.csv").exists())


@pytest.mark.parametrize("way", WAYS[1:])
def test_segments_that_appear_after_the_decision_stop_the_action(yard: Yard, way: OnRemoteDelete) -> None:
    stage = Stage(yard, Policy(on_remote_delete=way))
    stage.put("a.csv", "b.csv")
    before = stage.cloud.samples.pop(stage.sample_of("a.csv"))
    page = stage.cloud.page

    def late(**query: Any) -> Any:
        """The segments did not exist during the sweep, but do when the service is asked by name."""
        if query.get("filename") is not None and len(stage.cloud.samples) == 1:
            segments(stage, before)
        return page(**query)

    stage.cloud.page = late  # type: ignore[method-assign]
    sweep_twice(stage)
    assert [Progress.DROPPED] == stage.progress()
    assert (SYNCED, True) == (stage.states["a.csv"], yard.path("a.csv").exists())


def test_a_recording_whose_segments_are_all_deleted_is_deleted(yard: Yard) -> None:
    stage = Stage(yard, Policy(on_remote_delete=OnRemoteDelete.TRASH))
    stage.put("a.csv", "b.csv")
    cut = split(stage, "a.csv")
    sweep_twice(stage)
    del stage.cloud.samples[cut[0]]
    sweep_twice(stage)
    assert (SYNCED, []) == (stage.states["a.csv"], stage.all_acts())
    del stage.cloud.samples[cut[1]]
    sweep_twice(stage)
    assert (TOMBSTONE, ["a.csv"]) == (stage.states["a.csv"], stage.trashed())


def test_a_recording_with_a_similar_name_does_not_hide_a_deletion(yard: Yard) -> None:
    """A file's own sample is no segment of another one, whatever its name."""
    stage = Stage(yard, Policy(on_remote_delete=OnRemoteDelete.TRASH))
    stage.put("a.csv", "a.s1.csv")
    del stage.cloud.samples[stage.sample_of("a.csv")]
    sweep_twice(stage)
    assert ["a.csv"] == stage.trashed()


def test_segments_are_neither_renamed_nor_deleted_for_the_file(yard: Yard) -> None:
    policy = Policy(on_remote_delete=OnRemoteDelete.TRASH, deletes_samples=True, replaces_samples=True)
    stage = Stage(yard, policy, watched={"updates_renamed": True})
    stage.put("a.csv", "b.csv")
    split(stage, "a.csv")
    sweep_twice(stage)
    yard.path("a.csv").rename(yard.path("c.csv"))
    stage.follow()
    yard.path("c.csv").unlink()
    for _ in range(3):
        stage.follow()
    assert [] == stage.cloud.edits


@pytest.mark.parametrize("is_replaced", [False, True], ids=["in place", "by segments"])
def test_the_retention_keeps_the_only_whole_copy_of_a_split_recording(yard: Yard, is_replaced: bool) -> None:
    stage = Stage(yard, Policy())
    stage.put("a.csv", "b.csv")
    sample_id = stage.sample_of("a.csv")
    if is_replaced:
        split(stage, "a.csv")
    else:
        stage.cloud.samples[sample_id] = replace(stage.cloud.samples[sample_id], is_cropped=True)
    sweep_twice(stage)
    found = {local.path: why_unconfirmed(local) for local in Removals(yard.database).page(yard.root.id, limit=10)}
    assert {"a.csv": Why.CUT, "b.csv": None} == found
    assert is_replaced or "edited" in stage.history("a.csv")


@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["split", "delete", "sweep", "split late"]), st.integers(0, 3)),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(WAYS),
)
@example(  # a segment is split again: for a moment neither it nor its segments are listed
    [("split", 0), ("split", 0), ("split", 0), ("delete", 1), ("sweep", 0), ("split late", 1), ("sweep", 0)],
    OnRemoteDelete.TRASH,
)
def test_a_file_is_removed_only_if_no_part_of_its_recording_is_left(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]], way: OnRemoteDelete
) -> None:
    yard = Yard(tmp_path_factory.mktemp("yard"))
    try:
        stage = Stage(yard, Policy(on_remote_delete=way))
        paths = [f"wave.{number}.csv" for number in range(4)]
        stage.put(*paths)
        of = dict(zip(stage.samples_of(*paths).values(), paths, strict=True))  # by sample: what it is a segment of
        pending: list[RemoteSample] = []
        # Two polls in a row must not both meet that moment: it could not be told from a deletion.
        was_late: set[str] = set()
        for what, number in steps:
            there = sorted(stage.cloud.samples)
            if what == "sweep":
                stage.sweep(after_s=INTERVAL_S)
            elif there:
                before = stage.cloud.samples.pop(there[number % len(there)])
                if what == "split":
                    of |= dict.fromkeys(segments(stage, before), of[before.id])
                elif what == "split late":
                    pending.append(before)
                    if of[before.id] not in was_late:
                        was_late.add(of[before.id])
                        continue
            while pending:  # the segments appear with the next event
                before = pending.pop()
                of |= dict.fromkeys(segments(stage, before), of[before.id])
        for before in pending:
            of |= dict.fromkeys(segments(stage, before), of[before.id])
        sweep_twice(stage)
        sweep_twice(stage)
        left = {of[sample_id] for sample_id in stage.cloud.samples}
        for path in paths:
            assert path not in left or (yard.path(path).exists() and stage.states[path] is SYNCED), path
            assert path in left or stage.states[path] is TOMBSTONE
            assert way is OnRemoteDelete.KEEP or yard.path(path).exists() is (path in left)
    finally:
        yard.close()
