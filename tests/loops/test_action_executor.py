import os
from dataclasses import replace
from typing import Any

import pytest

from eisync.adapters.files import trash
from eisync.core.absence import ABSENT_S
from eisync.core.actions import Progress
from eisync.core.guard import Guard
from eisync.core.lifecycle import State
from eisync.core.policy import OnChange, OnRemoteDelete, Policy, Trigger
from eisync.errors import FolderError, KeyRefusedError, StudioError, UnansweredError
from eisync.loops.actions.executor import COPY_RETRY_S
from tests.conftest import sha256
from tests.fakes import Cloud, failing

from .stage import INTERVAL_S, Stage
from .yard import Yard

SYNCED, TOMBSTONE, GONE, READY = State.SYNCED, State.TOMBSTONE, State.GONE, State.READY
DELETES = Policy(deletes_samples=True)
TRASHES = Policy(on_remote_delete=OnRemoteDelete.TRASH)
REPLACES = Policy(replaces_samples=True)


def remove(stage: Stage, *paths: str) -> None:
    for path in paths:
        stage.yard.path(path).unlink()


def delete_there(stage: Stage, *paths: str) -> None:
    """Delete samples as a person does in Studio, and run two sweeps."""
    for sample_id in stage.samples_of(*paths).values():
        del stage.cloud.samples[sample_id]
    for _ in range(2):
        stage.sweep(after_s=INTERVAL_S)


# --- local deletions


def test_a_local_deletion_keeps_the_sample_by_default(yard: Yard) -> None:
    stage = Stage(yard)
    stage.put("a.csv", "b.csv")
    remove(stage, "a.csv")
    stage.follow()
    assert ({"a.csv": SYNCED, "b.csv": SYNCED}, []) == (stage.states, stage.cloud.edits)


def test_a_local_deletion_deletes_the_sample_if_configured(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    ids = stage.put("a.csv", "b.csv")
    remove(stage, "a.csv")
    report = stage.follow()
    assert [("delete", ids["a.csv"])] == stage.cloud.edits
    assert {"a.csv": GONE, "b.csv": SYNCED} == stage.states
    assert (1, ["a.csv"]) == (report["done"], stage.trashed())
    assert stage.history("a.csv")[-1] == "removed"
    assert stage.sweep()["done"] == 0  # once


def test_a_missing_file_counts_as_deleted_only_after_a_while(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    stage.put("a.csv", "b.csv")
    yard.path("a.csv").rename(yard.place / "aside")
    stage.scan()
    stage.sweep(after_s=0.0)
    assert [] == stage.all_acts()
    (yard.place / "aside").rename(yard.path("a.csv"))
    stage.scan()
    stage.sweep(after_s=ABSENT_S)
    assert ([], [], SYNCED) == (stage.cloud.edits, stage.all_acts(), stage.states["a.csv"])


def test_a_sample_of_two_files_is_deleted_with_the_last_of_them(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    stage.put("a.csv", "b.csv", "c.csv", content=lambda path: b"same" if path != "c.csv" else b"other")
    assert stage.sample_of("a.csv") == stage.sample_of("b.csv")
    remove(stage, "a.csv")
    stage.follow()
    assert [] == stage.cloud.edits
    remove(stage, "b.csv")
    stage.follow()
    assert [("delete", stage.sample_of("a.csv"))] == stage.cloud.edits
    assert {"a.csv": GONE, "b.csv": GONE, "c.csv": SYNCED} == stage.states


def test_an_emptied_folder_deletes_nothing(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    stage.put("a.csv", "b.csv")
    remove(stage, "a.csv", "b.csv")
    report = stage.follow()
    assert ([], []) == (stage.cloud.edits, stage.all_acts())
    assert [
        ("a folder that held 2 files is empty now; eisync deletes nothing in the project because of that")
    ] == report["details"]


def test_a_missing_folder_deletes_nothing(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    stage.put("a.csv", "b.csv")
    remove(stage, "a.csv")
    stage.scan()
    os.rename(yard.root.path, yard.root.path + ".away")
    stage.scan()
    stage.sweep(after_s=ABSENT_S)
    assert [] == stage.all_acts()
    os.rename(yard.root.path + ".away", yard.root.path)
    stage.follow()
    assert [Progress.DONE] == stage.progress()


def test_a_folder_that_disappears_during_the_pass_deletes_nothing(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    stage.put("a.csv", "b.csv")
    remove(stage, "a.csv")
    stage.scan()

    class Going(Cloud):
        def page(self, **query: Any) -> Any:
            if os.path.isdir(yard.root.path):
                os.rename(yard.root.path, yard.root.path + ".away")
            return super().page(**query)

    going = Going()
    going.samples = stage.cloud.samples
    stage.cloud = going
    stage.start()
    stage.sweep(after_s=ABSENT_S)
    assert ([], [Progress.DUE]) == (going.edits, stage.progress())
    assert "is not there" in str(stage.all_acts()[0].outcome)


def test_a_folder_on_another_disk_deletes_nothing(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    stage.put("a.csv", "b.csv")
    remove(stage, "a.csv")
    stage.scan()
    yard.places.note_device(yard.root.id, 1)
    stage.sweep(after_s=ABSENT_S)
    assert ([], [Progress.DUE]) == (stage.cloud.edits, stage.progress())
    assert "is on a different disk" in str(stage.all_acts()[0].outcome)


def test_a_file_that_is_back_before_the_action_keeps_its_sample(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    ids = stage.put("a.csv", "b.csv")
    remove(stage, "a.csv")
    stage.scan()
    yard.write("a.csv", b"a.csv")  # no scan yet
    stage.sweep(after_s=ABSENT_S)
    assert ([], [Progress.DROPPED], True) == (stage.cloud.edits, stage.progress(), ids["a.csv"] in stage.cloud.samples)


@pytest.mark.parametrize("jump_s", [-7200.0, 7 * 24 * 3600.0])
def test_a_clock_jump_skips_one_pass_and_nothing_else(yard: Yard, jump_s: float) -> None:
    stage = Stage(yard, DELETES)
    stage.put("a.csv", "b.csv")
    remove(stage, "a.csv")
    stage.scan()
    report = stage.sweep(after_s=jump_s)
    assert [] == stage.all_acts()
    assert "the clock jumped" in report["details"][0]
    if jump_s > 0:
        assert 1 == stage.sweep()["done"]


def test_a_key_of_another_project_deletes_nothing(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    stage.put("a.csv", "b.csv")
    remove(stage, "a.csv")
    stage.scan()
    stage.cloud.project = 8
    stage.sweep(after_s=ABSENT_S)
    assert ([], []) == (stage.cloud.edits, stage.all_acts())
    assert "8" in str(stage.trouble)


def test_a_key_that_is_replaced_after_the_listing_deletes_nothing(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    stage.put("a.csv", "b.csv")
    remove(stage, "a.csv")
    stage.scan()
    begin = stage.actions.begin

    def exchanged(*args: Any, **kwargs: Any) -> None:
        begin(*args, **kwargs)
        stage.cloud.project = 8

    stage.actions.begin = exchanged
    stage.sweep(after_s=ABSENT_S)
    assert ([], [Progress.BEGUN]) == (stage.cloud.edits, stage.progress())


def test_a_key_that_may_not_list_deletes_nothing(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    stage.put("a.csv", "b.csv")
    remove(stage, "a.csv")
    stage.scan()
    stage.cloud.trouble = StudioError("no rights", status=403)
    stage.sweep(after_s=ABSENT_S)
    assert ([], [], "no rights") == (stage.cloud.edits, stage.all_acts(), stage.trouble)


def test_a_deletion_whose_answer_was_lost_is_finished_by_the_next_pass(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    ids = stage.put("a.csv", "b.csv")
    remove(stage, "a.csv")
    stage.scan()
    delete = stage.cloud.delete

    def lost(sample_id: int) -> bool:
        delete(sample_id)
        raise UnansweredError("no answer came")

    stage.cloud.delete = lost  # type: ignore[method-assign]
    stage.sweep(after_s=ABSENT_S)
    assert ([Progress.BEGUN], "no answer came") == (stage.progress(), stage.trouble)
    stage.cloud.delete = delete  # type: ignore[method-assign]
    stage.sweep()
    assert ([Progress.DONE], GONE, ["a.csv"]) == (stage.progress(), stage.states["a.csv"], stage.trashed())
    assert ids["a.csv"] not in stage.cloud.samples


def test_a_sample_that_someone_else_deleted_meanwhile_counts_as_deleted(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    ids = stage.put("a.csv", "b.csv")
    remove(stage, "a.csv")
    stage.scan()
    del stage.cloud.samples[ids["a.csv"]]
    stage.sweep(after_s=ABSENT_S)
    assert ([], [Progress.DONE], GONE) == (stage.cloud.edits, stage.progress(), stage.states["a.csv"])
    assert "already" in str(stage.all_acts()[0].outcome)


def test_a_sample_is_not_deleted_if_no_copy_can_be_kept(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    stage.put("a.csv", "b.csv")
    remove(stage, "a.csv")
    stage.scan()
    yard.write(trash.TRASH, b"a file where the trash should be")
    report = stage.sweep(after_s=ABSENT_S)
    assert ([], [Progress.BEGUN]) == (stage.cloud.edits, stage.progress())
    assert "cannot be written" in report["details"][-1]
    yard.path(trash.TRASH).unlink()
    stage.sweep()
    assert [Progress.DONE] == stage.progress()


@pytest.mark.parametrize("answer", [b"", b"a.cs", b"another sample's", b"<html>"])
@pytest.mark.parametrize("name", ["a.csv", "a.wav"])
def test_a_truncated_download_is_no_copy_and_its_sample_stays(yard: Yard, name: str, answer: bytes) -> None:
    stage = Stage(yard, DELETES)
    ids = stage.put(name, "b.csv")
    whole, stage.cloud.contents[ids[name]] = stage.cloud.contents[ids[name]], answer
    remove(stage, name)
    report = stage.follow()
    assert ([], False) == (stage.cloud.edits, yard.path(trash.TRASH, yard.root).joinpath(name).exists())
    assert "eisync deletes nothing before it has a whole copy" in report["details"][-1]
    questions = stage.cloud.questions
    stage.sweep()  # and it is not downloaded again with each pass
    assert [] == stage.cloud.edits
    assert stage.cloud.questions <= questions + 8
    stage.cloud.contents[ids[name]] = whole
    stage.sweep(after_s=COPY_RETRY_S + 1.0)
    stage.sweep(after_s=COPY_RETRY_S + 1.0)
    assert ([("delete", ids[name])], [name]) == (stage.cloud.edits, stage.trashed())


def test_a_copy_that_a_crash_truncated_is_made_again(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    ids = stage.put("a.csv", "b.csv")
    remove(stage, "a.csv")
    stage.scan()
    delete, stage.cloud.delete = stage.cloud.delete, failing(1, Died(), stage.cloud.delete)  # type: ignore[method-assign]
    with pytest.raises(Died):
        stage.sweep(after_s=ABSENT_S)
    lies_at = stage.all_acts()[0].lies_at
    assert lies_at is not None
    with open(lies_at, "r+b") as copy:
        copy.truncate(2)
    stage.cloud.delete = delete  # type: ignore[method-assign]
    stage.start()
    stage.sweep()
    with open(lies_at, "rb") as copy:
        assert b"a.csv" == copy.read()
    assert [("delete", ids["a.csv"])] == stage.cloud.edits


@pytest.mark.parametrize(("again", "goes"), [(True, True), (False, False)])
def test_a_sample_stored_as_json_is_copied_if_two_downloads_are_equal(yard: Yard, again: bool, goes: bool) -> None:
    stage = Stage(yard, DELETES)
    ids = stage.put("a.csv", "b.csv")
    sample_id = ids["a.csv"]
    stage.cloud.contents[sample_id] = b'{"payload": {"values": [[1], [2]]}}\n'
    kept = sha256(stage.cloud.contents[sample_id]) if again else sha256(b'{"payload": {"values": [[1]]}}')
    stage.cloud.sha256_of = lambda sample_id: kept  # type: ignore[method-assign]
    remove(stage, "a.csv")
    stage.follow()
    assert ([("delete", sample_id)] if goes else []) == stage.cloud.edits


def test_a_file_that_was_changed_in_the_trash_does_not_come_back_as_what_was_sent(yard: Yard) -> None:
    stage = Stage(yard, TRASHES)
    stage.put("a.csv", "b.csv")
    delete_there(stage, "a.csv")
    action = stage.all_acts()[0]
    assert action.lies_at is not None
    with open(action.lies_at, "wb") as file:
        file.write(b"something else")
    assert stage.actions.ask_undo(action.id)
    report = stage.sweep()
    assert "is not what was sent" in report["details"][-1]
    for _ in range(2):
        stage.scan()
    assert (READY, b"something else") == (stage.states["a.csv"], yard.path("a.csv").read_bytes())


@pytest.mark.parametrize("step", ["before the copy", "before the deletion", "after the deletion"])
def test_a_crash_between_intent_and_action_is_continued(yard: Yard, step: str) -> None:
    stage = Stage(yard, DELETES)
    ids = stage.put("a.csv", "b.csv")
    remove(stage, "a.csv")
    stage.scan()
    crash = {
        "before the copy": (stage.cloud, "raw"),
        "before the deletion": (stage.cloud, "delete"),
        "after the deletion": (stage.actions, "finish"),
    }
    part, name = crash[step]
    before = getattr(part, name)
    setattr(part, name, failing(1, Died(), before))
    with pytest.raises(Died):
        stage.sweep(after_s=ABSENT_S)
    assert [Progress.BEGUN] == stage.progress()
    assert ("after" in step) == (ids["a.csv"] not in stage.cloud.samples)
    stage.start()
    stage.sweep()
    assert ([Progress.DONE], GONE, ["a.csv"]) == (stage.progress(), stage.states["a.csv"], stage.trashed())
    assert ids["a.csv"] not in stage.cloud.samples


class Died(BaseException):
    """The process ends here."""


def test_a_refused_deletion_does_not_block_the_others(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    ids = stage.put("a.csv", "b.csv", "c.csv")
    remove(stage, "a.csv", "b.csv")
    stage.scan()
    delete = stage.cloud.delete

    def guarded(sample_id: int) -> bool:
        if sample_id == ids["a.csv"]:
            raise StudioError("it is in use", status=200)
        return delete(sample_id)

    stage.cloud.delete = guarded  # type: ignore[method-assign]
    stage.sweep(after_s=ABSENT_S)
    stage.sweep()
    assert [Progress.BEGUN, Progress.DONE] == stage.progress()
    assert "it is in use" == stage.all_acts()[0].outcome


# --- undo


def ask_undo(stage: Stage, number: int = -1) -> None:
    assert stage.actions.ask_undo(stage.all_acts()[number].id)


def test_a_deleted_sample_comes_back_as_its_file_and_is_sent_again(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    ids = stage.put("a.csv", "b.csv")
    remove(stage, "a.csv")
    stage.follow()
    ask_undo(stage)
    report = stage.sweep()
    assert (1, [Progress.UNDONE], b"a.csv") == (report["undone"], stage.progress(), yard.path("a.csv").read_bytes())
    stage.scan()
    assert READY == stage.states["a.csv"]
    stage.send()
    assert SYNCED == stage.states["a.csv"]
    assert stage.sample_of("a.csv") > ids["b.csv"]
    assert (0, []) == (stage.sweep(after_s=INTERVAL_S)["done"], stage.trashed())


def test_a_restored_file_never_replaces_another_file(yard: Yard) -> None:
    stage = Stage(yard, REPLACES, watched={"on_change": OnChange.REPLACE})
    stage.put("a.csv")
    yard.write("a.csv", b"another version")
    stage.scan()
    stage.send()
    stage.sweep()
    assert [Progress.DONE] == stage.progress()
    ask_undo(stage)
    stage.sweep()
    assert b"another version" == yard.path("a.csv").read_bytes()
    assert b"a.csv" == yard.path("a.restored-1.csv").read_bytes()


def test_a_file_returns_from_the_trash_while_the_service_is_down(yard: Yard) -> None:
    stage = Stage(yard, TRASHES)
    stage.put("a.csv", "b.csv")
    delete_there(stage, "a.csv")
    assert ["a.csv"] == stage.trashed()
    ask_undo(stage)
    stage.cloud.trouble = UnansweredError("no answer came")
    stage.cloud.forget_project()
    stage.sweep()
    assert [Progress.UNDONE] == stage.progress()
    assert yard.path("a.csv").read_bytes() == b"a.csv"
    stage.cloud.trouble = None
    for _ in range(3):
        stage.follow()
    assert ({"a.csv": TOMBSTONE, "b.csv": SYNCED}, 1) == (stage.states, len(stage.all_acts()))


def test_an_action_without_a_copy_cannot_be_undone(yard: Yard) -> None:
    stage = Stage(yard, Policy(on_remote_delete=OnRemoteDelete.DELETE))
    stage.put("a.csv", "b.csv")
    delete_there(stage, "a.csv")
    assert (False, []) == (yard.path("a.csv").exists(), stage.trashed())
    ask_undo(stage)
    report = stage.sweep()
    assert [Progress.DONE] == stage.progress()
    assert "it cannot be brought back" in report["details"][0]


def test_an_emptied_trash_is_reported(yard: Yard) -> None:
    stage = Stage(yard, TRASHES)
    stage.put("a.csv", "b.csv")
    delete_there(stage, "a.csv")
    trash.empty_trash(yard.root.path, before_day="9999-99-99")
    ask_undo(stage)
    assert "is gone: someone removed it" in stage.sweep()["details"][0]
    assert [Progress.DONE] == stage.progress()


def test_an_edit_can_be_undone(yard: Yard) -> None:
    stage = Stage(yard)
    ids = stage.put("wave/a.1.csv")
    yard.path("wave/a.1.csv").rename(yard.path("wave/b.1.csv"))
    stage.follow()
    assert ("b", "b.1") == labelled(stage, ids["wave/a.1.csv"])
    for number in range(len(stage.all_acts())):
        ask_undo(stage, number)
    stage.sweep()
    assert ("a", "a.1") == labelled(stage, ids["wave/a.1.csv"])
    assert {Progress.UNDONE} == set(stage.progress())
    assert 0 == stage.sweep(after_s=INTERVAL_S)["done"]


# --- remote deletions


@pytest.mark.parametrize(
    ("policy", "is_there", "trashed"),
    [
        (OnRemoteDelete.KEEP, True, []),
        (OnRemoteDelete.TRASH, False, ["a.csv"]),
        (OnRemoteDelete.DELETE, False, []),
    ],
)
def test_what_happens_to_a_file_whose_sample_was_deleted_in_the_project(
    yard: Yard, policy: OnRemoteDelete, is_there: bool, trashed: list[str]
) -> None:
    stage = Stage(yard, Policy(on_remote_delete=policy))
    stage.put("a.csv", "b.csv")
    delete_there(stage, "a.csv")
    assert (is_there, trashed) == (yard.path("a.csv").exists(), stage.trashed())
    stage.follow()
    assert {"a.csv": TOMBSTONE, "b.csv": SYNCED} == stage.states
    assert [] == stage.cloud.edits


@pytest.mark.parametrize(
    "change", [{"category": "testing"}, {"label": "other"}, {"is_disabled": True}, {"filename": "other"}]
)
def test_a_sample_that_is_moved_disabled_or_relabelled_is_not_deleted(yard: Yard, change: dict[str, Any]) -> None:
    stage = Stage(yard, replace(TRASHES, deletes_samples=True))
    ids = stage.put("a.csv", "b.csv")
    stage.cloud.samples[ids["a.csv"]] = replace(stage.cloud.samples[ids["a.csv"]], **change)
    for _ in range(3):
        stage.sweep(after_s=INTERVAL_S)
    assert ({"a.csv": SYNCED, "b.csv": SYNCED}, [], []) == (stage.states, stage.cloud.edits, stage.all_acts())


def test_a_file_that_differs_from_what_was_sent_is_left_alone(yard: Yard) -> None:
    stage = Stage(yard, TRASHES)
    stage.put("a.csv", "b.csv")
    yard.write("a.csv", b"new, and nobody has looked yet")
    delete_there(stage, "a.csv")
    assert ([Progress.DROPPED], True, []) == (stage.progress(), yard.path("a.csv").exists(), stage.trashed())
    stage.scan()
    assert READY == stage.states["a.csv"]


def test_a_changed_file_that_is_never_sent_is_left_alone_for_good(yard: Yard) -> None:
    stage = Stage(yard, TRASHES, watched={"on_change": OnChange.IGNORE})
    stage.put("a.csv", "b.csv")
    yard.write("a.csv", b"changed, and that is to be ignored")
    stage.scan()
    delete_there(stage, "a.csv")
    for _ in range(2):
        stage.follow()
    assert ([Progress.DROPPED], True) == (stage.progress(), yard.path("a.csv").exists())


@pytest.mark.parametrize("policy", [OnRemoteDelete.TRASH, OnRemoteDelete.DELETE])
@pytest.mark.parametrize("step", ["set_aside", "finish"])
def test_a_crash_around_the_removal_of_a_file_is_continued(yard: Yard, policy: OnRemoteDelete, step: str) -> None:
    stage = Stage(yard, Policy(on_remote_delete=policy))
    stage.put("a.csv", "b.csv")
    part: Any = stage.actions
    if step == "set_aside":
        stage.trash = part = Copy(trash)
        stage.rebuild()
    setattr(part, step, failing(1, Died(), getattr(part, step)))
    with pytest.raises(Died):
        delete_there(stage, "a.csv")
    assert [Progress.BEGUN] == stage.progress()
    stage.trash = trash
    stage.start()
    stage.scan()  # the watcher may notice it first
    stage.sweep()
    assert ([Progress.DONE], False) == (stage.progress(), yard.path("a.csv").exists())
    assert (["a.csv"] if policy is OnRemoteDelete.TRASH else []) == stage.trashed()
    assert {"a.csv": TOMBSTONE, "b.csv": SYNCED} == stage.states


class Copy:
    """The functions of a module, which a test may replace."""

    def __init__(self, module: Any) -> None:
        self.__dict__.update(vars(module))


def test_a_trash_that_cannot_be_written_keeps_the_file(yard: Yard) -> None:
    stage = Stage(yard, TRASHES)
    stage.put("a.csv", "b.csv")
    full: Any = Copy(trash)
    full.set_aside = failing(1, FolderError("the disk is full"), trash.set_aside)
    stage.trash = full
    stage.rebuild()
    delete_there(stage, "a.csv")
    assert (True, "the disk is full") == (yard.path("a.csv").exists(), stage.all_acts()[0].outcome)
    stage.sweep()
    assert (False, ["a.csv"]) == (yard.path("a.csv").exists(), stage.trashed())


# --- renames


def labelled(stage: Stage, sample_id: int) -> tuple[str | None, str]:
    sample = stage.cloud.samples[sample_id]
    return sample.label, sample.filename


def test_a_renamed_file_renames_its_sample_without_an_upload(yard: Yard) -> None:
    stage = Stage(yard)
    ids = stage.put("training/wave.1.csv", "training/idle.1.csv")
    yard.path("testing").mkdir()
    yard.path("training/wave.1.csv").rename(yard.path("testing/snake.7.csv"))
    stage.follow()
    sample = stage.cloud.samples[ids["training/wave.1.csv"]]
    assert ("snake.7", "snake", "testing") == (sample.filename, sample.label, sample.category)
    assert {"testing/snake.7.csv": SYNCED, "training/idle.1.csv": SYNCED} == stage.states
    assert {"rename", "relabel", "move"} == {verb for verb, _ in stage.cloud.edits}
    edits = len(stage.cloud.edits)
    stage.sweep(after_s=INTERVAL_S)
    assert edits == len(stage.cloud.edits)


def test_edits_in_the_project_that_the_rename_does_not_affect_stay(yard: Yard) -> None:
    stage = Stage(yard)
    ids = stage.put("wave.1.csv")
    stage.cloud.relabel(ids["wave.1.csv"], "by a person")
    stage.sweep()
    yard.path("wave.1.csv").rename(yard.path("wave.2.csv"))
    stage.follow()
    assert ("by a person", "wave.2") == labelled(stage, ids["wave.1.csv"])


def test_a_rename_is_ignored_if_configured(yard: Yard) -> None:
    stage = Stage(yard, Policy(edits_samples=False), watched={"updates_renamed": False})
    ids = stage.put("wave.1.csv")
    yard.path("wave.1.csv").rename(yard.path("idle.1.csv"))
    stage.follow()
    assert ("wave", "wave.1") == labelled(stage, ids["wave.1.csv"])
    assert ({"idle.1.csv": SYNCED}, []) == (stage.states, stage.cloud.edits)


def test_a_rename_and_its_reversal_do_nothing(yard: Yard) -> None:
    stage = Stage(yard)
    stage.put("wave.1.csv")
    yard.path("wave.1.csv").rename(yard.path("idle.1.csv"))
    stage.scan()
    yard.path("idle.1.csv").rename(yard.path("wave.1.csv"))
    stage.follow()
    assert ([], []) == (stage.cloud.edits, stage.all_acts())


def test_an_edit_of_a_deleted_sample_is_dropped(yard: Yard) -> None:
    stage = Stage(yard)
    ids = stage.put("wave.1.csv", "b.csv")
    yard.path("wave.1.csv").rename(yard.path("wave.2.csv"))
    stage.scan()
    del stage.cloud.samples[ids["wave.1.csv"]]
    stage.sweep()
    assert [Progress.DROPPED] == stage.progress()


# --- changes


@pytest.mark.parametrize(
    ("on_change", "contents"),
    [
        (OnChange.ADD, {b"a.csv", b"two"}),
        (OnChange.REPLACE, {b"two"}),
        (OnChange.IGNORE, {b"a.csv"}),
    ],
)
def test_what_happens_to_the_sample_of_a_changed_file(yard: Yard, on_change: OnChange, contents: set[bytes]) -> None:
    policy = Policy(replaces_samples=on_change is OnChange.REPLACE)
    stage = Stage(yard, policy, watched={"on_change": on_change})
    stage.put("a.csv")
    yard.write("a.csv", b"two")
    for _ in range(2):
        stage.scan()
        stage.send()
        stage.sweep()
    assert contents == {stage.cloud.contents[sample_id] for sample_id in stage.cloud.samples}
    assert {"a.csv": SYNCED} == stage.states


def test_the_old_version_stays_until_the_new_one_is_listed(yard: Yard) -> None:
    stage = Stage(yard, REPLACES, watched={"on_change": OnChange.REPLACE})
    ids = stage.put("a.csv")
    yard.write("a.csv", b"two")
    stage.scan()
    stage.sweep()
    assert [] == stage.cloud.edits  # it was not even sent
    stage.send()
    hidden = stage.cloud.samples.pop(stage.cloud._last_id)
    stage.sweep()
    assert [] == stage.cloud.edits
    stage.cloud.samples[hidden.id] = hidden
    stage.sweep()
    assert [("delete", ids["a.csv"])] == stage.cloud.edits


def test_a_new_version_with_the_old_content_deletes_nothing(yard: Yard) -> None:
    stage = Stage(yard, REPLACES, watched={"on_change": OnChange.REPLACE})
    ids = stage.put("a.csv")
    yard.write("a.csv", b"a.csv")
    stage.scan()
    stage.send()
    stage.sweep()
    assert ([], ids["a.csv"]) == (stage.cloud.edits, stage.sample_of("a.csv"))
    assert [] == stage.actions.sides("main", Trigger.REPLACED, [yard.root.id], limit=9)


# --- the guard


def put_many(stage: Stage, files: int) -> list[str]:
    paths = [f"{number:03}.csv" for number in range(files)]
    stage.put(*paths)
    return paths


def test_many_deletions_wait_for_approval(yard: Yard) -> None:
    stage = Stage(yard, DELETES, guard=Guard())
    paths = put_many(stage, 600)
    remove(stage, *paths[:500])
    report = stage.follow()
    assert ([], 500, 1) == (stage.cloud.edits, report["waiting"], report["plan"])
    assert stage.sweep()["plan"] == 1  # it keeps its number
    (plan,) = stage.actions.plans()
    assert "it would affect 500 of 600 files; at most 50 without your approval" == plan.why
    assert 500 == stage.actions.decide(1, is_approved=True, now=stage.clock.now)
    assert 500 == stage.sweep()["done"]
    assert 100 == len(stage.cloud.samples)
    assert [] == stage.actions.plans()
    assert 0 == stage.sweep(after_s=INTERVAL_S)["done"]


def test_a_rejected_plan_is_not_proposed_again(yard: Yard) -> None:
    stage = Stage(yard, DELETES, guard=Guard(count=1))
    paths = put_many(stage, 20)
    yard.path(paths[0]).rename(yard.place / "aside")
    remove(stage, *paths[1:5])
    stage.follow()
    assert 5 == stage.actions.decide(1, is_approved=False, now=stage.clock.now)
    for _ in range(3):
        report = stage.sweep(after_s=INTERVAL_S)
        assert ([], 0, None) == (stage.cloud.edits, report["waiting"], report["plan"])
    remove(stage, paths[10])
    assert 1 == stage.follow()["done"]
    (yard.place / "aside").rename(yard.path(paths[0]))
    stage.scan()
    remove(stage, paths[0])  # this is another deletion
    stage.clock.now += 3600.0
    assert 1 == stage.follow()["done"]


def test_a_plan_is_withdrawn_when_its_cause_is_gone(yard: Yard) -> None:
    stage = Stage(yard, DELETES, guard=Guard(count=1))
    paths = put_many(stage, 20)
    remove(stage, *paths[:5])
    stage.follow()
    assert 1 == len(stage.actions.plans())
    for path in paths[:5]:
        yard.write(path, path.encode())
    stage.follow()
    assert ([], None) == (stage.actions.plans(), stage.actions.decide(1, is_approved=True, now=stage.clock.now))
    assert [] == stage.cloud.edits


def test_many_actions_spread_over_passes_are_held_back_too(yard: Yard) -> None:
    stage = Stage(yard, DELETES, guard=Guard(count=3, percent=100.0))
    paths = put_many(stage, 20)
    for path in paths[:6]:
        remove(stage, path)
        stage.follow()
    assert 3 == len(stage.cloud.edits)
    assert 3 == stage.actions.plans()[0].actions


def test_500_deleted_samples_delete_no_file_without_approval(yard: Yard) -> None:
    stage = Stage(yard, TRASHES, guard=Guard())
    paths = put_many(stage, 600)
    delete_there(stage, *paths[:500])
    assert 600 == sum(yard.path(path).exists() for path in paths)
    (plan,) = stage.actions.plans()
    assert 500 == plan.actions
    assert 500 == stage.actions.decide(plan.id, is_approved=True, now=stage.clock.now)
    stage.sweep()
    assert 100 == sum(yard.path(path).exists() for path in paths)
    assert 500 == len(stage.trashed())


def test_actions_that_pile_up_while_they_cannot_be_done_are_counted(yard: Yard) -> None:
    stage = Stage(yard, TRASHES, guard=Guard())
    paths = put_many(stage, 100)
    yard.write(trash.TRASH, b"a file where the trash should be")
    for at in range(0, 40, 8):
        delete_there(stage, *paths[at : at + 8])
        stage.clock.now += 3_700.0  # due actions do not age
    assert 8 == sum(
        written.progress is Progress.DUE or written.progress is Progress.BEGUN for written in acts_of(stage)
    )
    yard.path(trash.TRASH).unlink()
    stage.sweep()
    assert 92 == sum(yard.path(path).exists() for path in paths)
    assert stage.actions.plans()


def acts_of(stage: Stage) -> list[Any]:
    return [written for written in stage.all_acts() if written.plan_id is None]


def test_actions_above_the_limit_are_held_back_when_they_are_carried_out(yard: Yard) -> None:
    stage = Stage(yard, TRASHES)
    paths = put_many(stage, 20)
    yard.write(trash.TRASH, b"a file where the trash should be")
    delete_there(stage, *paths[:6])
    assert 6 == len(acts_of(stage))
    yard.path(trash.TRASH).unlink()
    stage.guard = Guard()  # two of twenty, by another configuration
    stage.start()
    begun = [written.id for written in acts_of(stage) if written.progress is Progress.BEGUN]
    for identity in begun:
        yard.database._connection.execute("update act set state = 'due' where id = ?", (identity,))
    report = stage.sweep()
    assert (2, 18) == (report["done"], sum(yard.path(path).exists() for path in paths))
    assert (
        "put off: it would affect 1 of 20 files, after 2 in the last hour; at most 2 without your approval"
        in report["details"][-1]
    )
    stage.clock.now += 3_700.0
    assert 2 == stage.sweep()["done"]


def test_a_renamed_folder_of_many_files_waits(yard: Yard) -> None:
    stage = Stage(yard, guard=Guard())
    paths = [f"wave/x.{number}.csv" for number in range(60)]
    stage.put(*paths)
    yard.path("testing").mkdir()
    yard.path("wave").rename(yard.path("testing/wave"))
    report = stage.follow()
    assert ([], 60) == (stage.cloud.edits, report["waiting"])


def test_a_dry_run_reports_and_does_nothing(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    ids = stage.put("a.csv", "b.csv")
    remove(stage, "a.csv")
    stage.scan()
    report = stage.ask(ABSENT_S, dry_run=True)
    assert ([], []) == (stage.cloud.edits, stage.all_acts())
    assert [f"would delete sample {ids['a.csv']} of {yard.path('a.csv')}: its file was deleted here"] == report[
        "details"
    ]


def test_a_policy_that_was_revoked_is_not_carried_out(yard: Yard) -> None:
    stage = Stage(yard, DELETES, guard=Guard(count=1))
    paths = put_many(stage, 10)
    remove(stage, *paths[:3])
    stage.follow()
    assert 3 == stage.actions.decide(1, is_approved=True, now=stage.clock.now)
    stage.policies[yard.root.id] = Policy()
    stage.start()
    stage.sweep()
    assert ([], {Progress.DROPPED}) == (stage.cloud.edits, set(stage.progress()))


def test_a_refused_key_is_for_a_person(yard: Yard) -> None:
    stage = Stage(yard, DELETES)
    stage.put("a.csv", "b.csv")
    remove(stage, "a.csv")
    stage.scan()
    stage.cloud.delete = failing(9, KeyRefusedError("the key is refused"), stage.cloud.delete)  # type: ignore[method-assign]
    stage.sweep(after_s=ABSENT_S)
    assert "the key is refused" == stage.trouble
    assert [Progress.BEGUN] == stage.progress()


def test_an_action_waits_until_its_folder_is_watched_again(yard: Yard) -> None:
    stage = Stage(yard, DELETES, guard=Guard(count=1))
    paths = put_many(stage, 10)
    remove(stage, *paths[:3])
    stage.follow()
    assert 3 == stage.actions.decide(1, is_approved=True, now=stage.clock.now)
    policy = stage.policies.pop(yard.root.id)
    stage.start()
    stage.sweep()
    assert ([], {Progress.DUE}) == (stage.cloud.edits, set(stage.progress()))
    stage.policies[yard.root.id] = policy
    stage.start()
    assert 3 == stage.sweep()["done"]


def test_two_files_that_swap_names_swap_their_labels(yard: Yard) -> None:
    stage = Stage(yard)
    ids = stage.put("wave.1.csv", "testing/idle.1.csv")
    yard.path("wave.1.csv").rename(yard.path("aside"))
    yard.path("testing/idle.1.csv").rename(yard.path("wave.1.csv"))
    yard.path("aside").rename(yard.path("testing/idle.1.csv"))
    stage.follow()
    assert {"wave.1.csv": SYNCED, "testing/idle.1.csv": SYNCED} == stage.states
    assert ids["wave.1.csv"] == stage.sample_of("testing/idle.1.csv")
    assert ("idle", "idle.1") == labelled(stage, ids["wave.1.csv"])
    assert ("wave", "wave.1") == labelled(stage, ids["testing/idle.1.csv"])
    assert "testing" == stage.cloud.samples[ids["wave.1.csv"]].category
    assert yard.reason("wave.1.csv") == "renamed; it was testing/idle.1.csv"
    assert yard.reason("testing/idle.1.csv") == "renamed; it was wave.1.csv"
