"""Files that are moved by copy and removal keep their samples, however long the new files wait."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eisync.core.file_status import ObservedEntry
from eisync.core.lifecycle import Event, State
from eisync.core.model import Root
from eisync.core.outcome import Outcome
from eisync.core.policy import Policy
from eisync.errors import FileUnreadableError
from tests.examples import examples

from .stage import Stage
from .yard import Yard, deletion_evidence

SYNCED, READY = State.SYNCED, State.READY
DELETES = Policy(deletes_samples=True)


def same_size(path: str) -> bytes:
    """Return recordings of one length, as most recorders make them."""
    return path.encode().ljust(40)


def move(yard: Yard, before: str, after: str, root: Root | None = None) -> None:
    """Move the file by copy and removal, as between disks or with `rsync --remove-source-files`: it is a new file."""
    place = yard.path(after, root)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(yard.path(before), place)
    yard.path(before).unlink()


def wait(stage: Stage) -> None:
    """Run long enough for every missing file to count as deleted. Send nothing."""
    for _ in range(3):
        stage.follow()


def test_a_file_that_was_moved_while_uploads_wait_keeps_its_sample(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    sample = stage.put("in/a.csv", "in/b.csv", content=same_size)["in/a.csv"]
    stage.cloud.relabel(sample, "by a person")
    stage.cloud.edits.clear()
    move(yard, "in/a.csv", "sorted/a.csv")
    wait(stage)
    assert [] == stage.cloud.edits
    assert (SYNCED, sample) == (stage.states["sorted/a.csv"], stage.sample_of("sorted/a.csv"))
    assert "by a person" == stage.cloud.samples[sample].label
    assert "file.moved" in yard.log.events()


def test_a_moved_file_keeps_its_sample_where_duplicates_are_allowed(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    sample = stage.put("in/a.csv", "in/b.csv")["in/a.csv"]
    move(yard, "in/a.csv", "sorted/other name.csv")
    wait(stage)
    stage.send()  # nothing is left to send
    assert (sample, 2) == (stage.sample_of("sorted/other name.csv"), len(stage.cloud.samples))


def test_a_file_that_was_moved_to_another_folder_of_the_target_keeps_its_sample(yard: Yard) -> None:
    other = yard.add_root("other")
    stage = Stage(yard, DELETES)
    sample = stage.put("a.csv", "b.csv")["a.csv"]
    stage.policies[other.id] = Policy()
    move(yard, "a.csv", "a.csv", other)
    for _ in range(3):
        watcher = yard.watcher(yard.watched(), yard.watched(other))
        for _ in range(3):
            stage.clock.now += 5.0
            for _ in range(20):
                watcher.tick(stage.clock.now)
        stage.sweep(after_s=61.0)
    assert ([], sample) == (stage.cloud.edits, yard.record("other/a.csv")["sample_ids"][0])


def test_a_deletion_waits_until_the_other_folders_are_scanned(yard: Yard) -> None:
    other = yard.add_root("other")
    stage = Stage(yard, DELETES)
    sample = stage.put("a.csv", "b.csv")["a.csv"]
    stage.policies[other.id] = Policy()
    yard.path("a.csv").unlink()
    wait(stage)
    assert [] == stage.cloud.edits
    yard.index.note_scan(other.id, {}, began_at=stage.clock.now, now=stage.clock.now)
    stage.sweep(after_s=61.0)
    assert [("delete", sample)] == stage.cloud.edits


def test_a_deletion_does_not_wait_for_an_unreadable_folder(yard: Yard) -> None:
    other = yard.add_root("other")
    stage = Stage(yard, DELETES)
    stage.put("a.csv", "b.csv")
    stage.policies[other.id] = Policy()
    yard.index.note_offline(other.id, "it is away")
    yard.path("a.csv").unlink()
    wait(stage)
    assert 1 == len(stage.cloud.edits)


def test_nothing_is_concluded_before_everything_was_scanned_again(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    stage.put("a.csv", "b.csv")
    yard.path("a.csv").unlink()
    stage.clock.now += 1.0
    yard.fake_events.of(yard.root.id).files.add("a.csv")
    stage.watcher.tick(stage.clock.now)  # an event reports it, and no scan is due
    assert yard.reason("a.csv") == "the local file is not there any more"
    stage.sweep(after_s=61.0)
    assert [] == stage.all_acts()
    stage.follow()
    assert 1 == len(stage.cloud.edits)


def test_a_quarantined_file_is_compared_too(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    stage.put("a.csv", "b.csv", content=same_size)
    move(yard, "a.csv", "sorted/a.csv")
    stage.scan()
    for item in yard.outbox.claim("main", [yard.root.id], limit=10, claim=1, now=stage.clock.now):
        refused = Outcome(item_id=item.id, events=(Event.REFUSE,), due_at=stage.clock.now, reason="no")
        yard.outbox.settle([refused], claim=1, now=stage.clock.now)
    wait(stage)
    assert ([], State.QUARANTINED) == (stage.cloud.edits, stage.states["sorted/a.csv"])


def test_a_file_under_observation_is_compared_too(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    sample = stage.put("a.csv", "b.csv", content=same_size)["a.csv"]
    seen = [ObservedEntry(yard.root.path, path, 40, "it is written") for path in ("sorted/a.csv", "sorted/other.csv")]
    stage.evidence = deletion_evidence(yard, stage.clock, lambda: seen)
    stage.rebuild()
    yard.path("a.csv").unlink()
    stage.scan()
    yard.write("sorted/a.csv", same_size("a.csv"))  # after the scan: no row has it
    yard.write("sorted/other.csv", same_size("other"))
    stage.sweep(after_s=61.0)
    assert [] == stage.cloud.edits
    yard.path("sorted/a.csv").unlink()
    stage.sweep(after_s=61.0)
    assert [("delete", sample)] == stage.cloud.edits


def test_an_unreadable_file_may_be_the_moved_one(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    stage.put("a.csv", "b.csv", content=same_size)

    def unreadable(item: Any) -> str:
        raise FileUnreadableError("it cannot be read", item_id=item.id)

    stage.evidence = deletion_evidence(yard, stage.clock, sha256_of_file=unreadable)
    stage.rebuild()
    yard.path("a.csv").unlink()
    yard.write("c.csv", same_size("c.csv"))
    wait(stage)
    assert ([], []) == (stage.cloud.edits, stage.all_acts())


def test_a_file_of_equal_size_and_other_content_does_not_stop_a_deletion(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    sample = stage.put("a.csv", "b.csv", content=same_size)["a.csv"]
    yard.path("a.csv").unlink()
    yard.write("c.csv", same_size("c.csv"))
    wait(stage)
    assert ([("delete", sample)], READY) == (stage.cloud.edits, stage.states["c.csv"])


def test_a_copy_that_appears_between_decision_and_action_stops_it(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    stage.put("a.csv", "b.csv", content=same_size)
    content = yard.path("a.csv").read_bytes()
    yard.path("a.csv").unlink()
    stage.scan()
    allow = stage.actions.allow

    def late(*arguments: Any, **more: Any) -> None:
        allow(*arguments, **more)
        yard.write("z.csv", content)
        stage.scan()

    stage.actions.allow = late
    stage.sweep(after_s=61.0)
    assert [] == stage.cloud.edits


def test_a_dry_run_moves_nothing(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    stage.put("a.csv", "b.csv")
    move(yard, "a.csv", "c.csv")
    stage.scan()
    stage.ask(61.0, sweeps=True, dry_run=True)
    assert READY is stage.states["c.csv"]


def test_the_sample_of_a_removed_file_stays_when_a_person_deletes_a_copy(yard: Yard) -> None:
    """The retention deleted one of them, so its sample is the only copy."""
    stage = Stage(yard, DELETES)
    stage.put("a.csv", "b.csv", "c.csv", content=lambda path: b"other" if path == "c.csv" else b"same")
    [identity] = yard.index.records.ids_of(str(yard.path("a.csv")))
    with yard.database.transaction() as connection:
        connection.execute("update file set removal = 'deleted', absent_at = 1.0 where id = ?", (identity,))
    yard.path("a.csv").unlink()
    yard.path("b.csv").unlink()
    wait(stage)
    assert [] == stage.cloud.edits


# --- random histories


@contextmanager
def fresh(place: Any) -> Iterator[Yard]:
    yard = Yard(place)
    try:
        yield yard
    finally:
        yard.close()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["move", "copy", "delete", "rename", "scan", "send", "pass", "outage"]),
        st.integers(0, 5),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=15,
)


@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_a_sample_is_deleted_only_when_its_content_is_nowhere_in_the_folders(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    with fresh(tmp_path_factory.mktemp("yard")) as yard:
        stage = Stage(yard, DELETES)
        paths = [f"in/{number}.csv" for number in range(4)]
        stage.put("stays.csv", *paths, content=same_size)
        stage.cloud.delete = watched(stage)  # type: ignore[method-assign]
        is_up = True
        for number, (what, which, where) in enumerate(steps):
            there = sorted(str(path.relative_to(yard.root.path)) for path in yard.path("").rglob("*.csv"))
            there = [path for path in there if not path.startswith((".eisync", "stays"))]
            path = there[which % len(there)] if there else None
            after = f"to {where}/{number}.csv"
            if what == "scan":
                stage.scan()
            elif what == "pass":
                stage.sweep(after_s=61.0)
            elif what == "outage":
                is_up = not is_up
            elif what == "send" and is_up:
                stage.scan()
                stage.send()
            elif path is not None and what == "move":
                move(yard, path, after)
            elif path is not None and what == "copy":
                yard.write(after, yard.path(path).read_bytes())
            elif path is not None and what == "rename":
                yard.path(after).parent.mkdir(exist_ok=True)
                os.rename(yard.path(path), yard.path(after))
            elif path is not None and what == "delete":
                yard.path(path).unlink()
        wait(stage)
        stage.send()
        wait(stage)
        # And the samples of files that were really deleted are deleted, too: nothing is held back without a reason.
        here = {path.read_bytes() for path in yard.path("").rglob("*.csv") if ".eisync" not in str(path)}
        assert here == {stage.cloud.contents[sample_id] for sample_id in stage.cloud.samples}


def watched(stage: Stage) -> Any:
    delete = stage.cloud.delete

    def check(sample_id: int) -> bool:
        files = stage.yard.path("").rglob("*.csv")
        here = {path.read_bytes() for path in files if ".eisync" not in str(path)}
        assert stage.cloud.contents[sample_id] not in here, "its content is there"
        return delete(sample_id)

    return check
