"""A sent file that is described in another way: its samples follow once, and what a person edited stays."""

import json
import os
from dataclasses import replace
from typing import Any

import pytest

from eisync.core.actions import ActionKind, Progress
from eisync.core.guard import Guard
from eisync.core.labels.description import Description
from eisync.core.labels.parts import PartKind, packed
from eisync.core.labels.path_rules import PathRules
from eisync.core.labels.rules import LabelRules
from eisync.core.lifecycle import Event, State
from eisync.core.model import Category
from eisync.core.outcome import Outcome
from eisync.errors import StudioError
from eisync.loops.watcher import sent_descriptions
from eisync.store.descriptions import Descriptions
from eisync.store.plans import DESCRIPTIONS, DISPUTED
from eisync.store.sidecars import Sidecars
from tests.fakes import failing

from .stage import Stage
from .test_annotations import COCO, png
from .yard import Yard, run

BOX = {"label": "cat", "x": 1, "y": 2, "width": 3, "height": 4}
RANGE = {"startIndex": 0, "endIndex": 3, "label": "a"}
WANTED = Description(
    label="idle",
    category=Category.TESTING,
    metadata={"site": "2"},
    companions=packed({PartKind.BOXES: [BOX], PartKind.STRUCTURED: [RANGE], PartKind.LABEL_MAP: {"k": "v"}}),
)
EDITS = {"relabel", "move", "metadata", "boxes", "structured", "label_map"}
LABELLED = LabelRules(PathRules("wave", Category.TRAINING))


class Died(BaseException):
    """The process ends here."""


def staged(yard: Yard, *paths: str, **more: Any) -> Stage:
    stage = Stage(yard, watched={"labelling": LABELLED, "metadata": {"site": "1"}}, **more)
    stage.put(*paths)
    return stage


def want(stage: Stage, path: str, wanted: Description = WANTED, *, is_asked: bool = False) -> None:
    [identity] = stage.yard.index.records.ids_of(str(stage.yard.path(path)))
    assert 1 == stage.actions.wanted.want([(identity, wanted)], is_asked=is_asked, now=stage.clock.now)


def shown(stage: Stage, path: str) -> Description:
    """How the service describes the sample of the file."""
    sample = stage.cloud.whole(stage.sample_of(path))
    assert sample is not None
    parts = {
        PartKind.BOXES: list(sample.boxes),
        PartKind.STRUCTURED: list(sample.structured_labels),
        PartKind.LABEL_MAP: sample.label_map,
    }
    return Description(
        label=sample.label, category=Category(sample.category), metadata=sample.metadata or {}, companions=packed(parts)
    )


def plans(stage: Stage) -> dict[str, int]:
    return {plan.about: plan.actions for plan in stage.actions.plans()}


def approve(stage: Stage, about: str, *, is_approved: bool = True) -> None:
    [plan] = [one for one in stage.actions.plans() if one.about == about]
    assert stage.actions.decide(plan.id, is_approved=is_approved, now=stage.clock.now)


# --- edits


def test_every_kind_of_edit_is_done_once(yard: Yard) -> None:
    stage = staged(yard, "a.csv", "b.csv")
    want(stage, "a.csv")
    report = stage.sweep()
    assert (WANTED, 6) == (shown(stage, "a.csv"), report["done"])
    assert EDITS == {verb for verb, sample_id in stage.cloud.edits if sample_id == stage.sample_of("a.csv")}
    assert 6 == len(stage.cloud.edits)
    assert "wave" == shown(stage, "b.csv").label
    assert {"idle", "wave"} == {record["label"] for record in yard.records().values()}
    for _ in range(2):
        assert 0 == stage.sweep()["done"]
    assert [Progress.DONE] * 6 == stage.progress()
    assert "relabel_sample" in stage.history("a.csv")


def test_what_a_person_asks_for_waits_for_a_yes(yard: Yard) -> None:
    stage = staged(yard, "a.csv")
    want(stage, "a.csv", is_asked=True)
    assert (0, 6) == (stage.sweep()["done"], stage.sweep()["waiting"])
    assert ({DESCRIPTIONS: 6}, []) == (plans(stage), stage.cloud.edits)
    approve(stage, DESCRIPTIONS)
    stage.sweep()
    assert (WANTED, {}) == (shown(stage, "a.csv"), plans(stage))


def test_a_no_leaves_everything_as_it_is(yard: Yard) -> None:
    stage = staged(yard, "a.csv")
    want(stage, "a.csv", is_asked=True)
    stage.sweep()
    approve(stage, DESCRIPTIONS, is_approved=False)
    for _ in range(2):
        stage.sweep()
    assert ([], {}, "wave") == (stage.cloud.edits, plans(stage), yard.record("a.csv")["label"])


def test_more_edits_than_the_guard_allows_wait(yard: Yard) -> None:
    stage = staged(yard, "a.csv", "b.csv", guard=Guard(count=1, percent=100.0))
    want(stage, "a.csv", replace(WANTED, companions=None))
    want(stage, "b.csv", replace(WANTED, companions=None))
    assert 6 == stage.sweep()["waiting"]
    assert ({"acts": 6}, []) == (plans(stage), stage.cloud.edits)
    approve(stage, "acts")
    stage.sweep()
    assert ("idle", "idle") == (shown(stage, "a.csv").label, shown(stage, "b.csv").label)


def test_a_dry_run_shows_it_and_changes_nothing(yard: Yard) -> None:
    stage = staged(yard, "a.csv", "b.csv")
    want(stage, "a.csv", replace(WANTED, companions=None), is_asked=True)
    want(stage, "b.csv", replace(WANTED, companions=None))
    report = stage.ask(dry_run=True)
    assert (3, 3, []) == (report["done"], report["waiting"], stage.all_acts())
    assert any("would wait for your approval" in line for line in report["details"])


def test_a_wish_that_is_withdrawn_takes_its_plan_along(yard: Yard) -> None:
    stage = staged(yard, "a.csv")
    want(stage, "a.csv", is_asked=True)
    stage.sweep()
    [identity] = yard.index.records.ids_of(str(yard.path("a.csv")))
    as_sent = Description(label="wave", category=Category.TRAINING, metadata={"site": "1"})
    assert 0 == stage.actions.wanted.want([(identity, as_sent)], is_asked=True, now=stage.clock.now)
    stage.sweep()
    assert ({}, []) == (plans(stage), stage.cloud.edits)


# --- edits of a person


def edit_there(stage: Stage, path: str, **values: Any) -> None:
    sample_id = stage.sample_of(path)
    stage.cloud.samples[sample_id] = replace(stage.cloud.samples[sample_id], **values)


def test_what_a_person_edited_waits_in_a_plan_of_its_own(yard: Yard) -> None:
    stage = staged(yard, "a.csv")
    edit_there(stage, "a.csv", label="by hand")
    want(stage, "a.csv", replace(WANTED, companions=None))
    assert (2, 1) == (stage.sweep()["done"], len(plans(stage)))
    assert {DISPUTED: 1} == plans(stage)
    assert replace(WANTED, label="by hand", companions=None) == shown(stage, "a.csv")
    approve(stage, DISPUTED)
    stage.sweep()
    assert replace(WANTED, companions=None) == shown(stage, "a.csv")


def test_a_no_keeps_what_a_person_edited_for_good(yard: Yard) -> None:
    stage = staged(yard, "a.csv")
    edit_there(stage, "a.csv", label="by hand")
    want(stage, "a.csv", replace(WANTED, companions=None))
    stage.sweep()
    approve(stage, DISPUTED, is_approved=False)
    for _ in range(2):
        stage.sweep()
    assert ("by hand", {}) == (shown(stage, "a.csv").label, plans(stage))


@pytest.mark.parametrize("is_asked", [False, True])
def test_an_edit_that_no_listing_has_shown_yet_stays(yard: Yard, is_asked: bool) -> None:
    """Boxes are in no listing, so that only a look at the sample shows that a person changed them."""
    stage = staged(yard, "a.csv")
    sample_id = stage.sample_of("a.csv")
    boxes = replace(WANTED, label="wave", category=Category.TRAINING, metadata={"site": "1"})
    stage.cloud.parts[sample_id] = {PartKind.BOXES: [{**BOX, "label": "dog"}]}
    want(stage, "a.csv", boxes, is_asked=is_asked)
    stage.sweep()
    if is_asked:
        approve(stage, DESCRIPTIONS)
    stage.sweep()
    assert [{**BOX, "label": "dog"}] == stage.cloud.parts[sample_id][PartKind.BOXES]
    assert {DISPUTED: 1} == plans(stage)
    assert {"structured", "label_map"} == {verb for verb, _ in stage.cloud.edits}
    approve(stage, DISPUTED)
    stage.sweep()
    assert [BOX] == stage.cloud.parts[sample_id][PartKind.BOXES]


def test_an_edit_between_decision_and_action_stays(yard: Yard) -> None:
    stage = staged(yard, "a.csv")
    want(stage, "a.csv", replace(WANTED, companions=None), is_asked=True)
    stage.sweep()
    approve(stage, DESCRIPTIONS)
    edit_there(stage, "a.csv", label="by hand")
    stage.sweep()
    assert replace(WANTED, label="by hand", companions=None) == shown(stage, "a.csv")
    assert {DISPUTED: 1} == plans(stage)


# --- crashes and refusals


@pytest.mark.parametrize("step", ["before the edit", "after the edit", "before it is noted"])
def test_a_crash_around_an_edit_is_continued(yard: Yard, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = staged(yard, "a.csv")
    want(stage, "a.csv", Description(label="idle", category=Category.TRAINING, metadata={"site": "1"}))
    relabel, before = stage.cloud.relabel, stage.actions.finish

    def edited(sample_id: int, label: str) -> None:
        relabel(sample_id, label)
        raise Died

    if step == "before the edit":
        monkeypatch.setattr(stage.cloud, "relabel", failing(1, Died(), relabel))
    elif step == "after the edit":
        monkeypatch.setattr(stage.cloud, "relabel", edited)
    else:
        stage.actions.finish = failing(1, Died(), before)
    with pytest.raises(Died):
        stage.sweep()
    assert [Progress.BEGUN] == stage.progress()
    monkeypatch.setattr(stage.cloud, "relabel", relabel)
    stage.start()
    stage.sweep()
    stage.sweep()
    assert ([Progress.DONE], "idle") == (stage.progress(), shown(stage, "a.csv").label)
    assert 1 == len(stage.cloud.edits)
    assert "idle" == yard.record("a.csv")["label"]


def test_a_refused_edit_does_not_block_the_others(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = staged(yard, "a.csv", "b.csv")
    relabel, refused = stage.cloud.relabel, stage.sample_of("a.csv")

    def guarded(sample_id: int, label: str) -> None:
        if sample_id == refused:
            raise StudioError("no such label", status=200)
        relabel(sample_id, label)

    monkeypatch.setattr(stage.cloud, "relabel", guarded)
    only_label = Description(label="idle", category=Category.TRAINING, metadata={"site": "1"})
    want(stage, "a.csv", only_label)
    want(stage, "b.csv", only_label)
    stage.sweep()
    assert ("wave", "idle") == (shown(stage, "a.csv").label, shown(stage, "b.csv").label)
    assert "the service refused it (no such label)" == stage.all_acts()[0].outcome


def test_an_edit_that_the_service_only_seems_to_accept_is_not_done(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = staged(yard, "a.csv")
    relabel = stage.cloud.relabel
    monkeypatch.setattr(stage.cloud, "relabel", lambda sample_id, label: None)
    want(stage, "a.csv", Description(label="idle", category=Category.TRAINING, metadata={"site": "1"}))
    stage.sweep()
    assert ([Progress.BEGUN], "wave") == (stage.progress(), yard.record("a.csv")["label"])
    monkeypatch.setattr(stage.cloud, "relabel", relabel)
    stage.sweep()
    assert ([Progress.DONE], "idle") == (stage.progress(), yard.record("a.csv")["label"])


@pytest.mark.parametrize("is_before", [True, False])
def test_a_sample_that_is_gone_is_not_edited(yard: Yard, is_before: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = staged(yard, "a.csv")
    want(stage, "a.csv", Description(label="idle", category=Category.TRAINING, metadata={"site": "1"}), is_asked=True)
    stage.sweep()
    approve(stage, DESCRIPTIONS)
    whole = stage.cloud.whole
    answers = [None] if is_before else [whole(stage.sample_of("a.csv")), None]
    monkeypatch.setattr(stage.cloud, "whole", lambda sample_id: answers.pop(0))
    stage.sweep()
    assert [Progress.DROPPED] == stage.progress()[:1]


def test_a_file_that_was_renamed_meanwhile_is_not_described_as_before(yard: Yard) -> None:
    stage = staged(yard, "a.csv")
    want(stage, "a.csv", is_asked=True)
    stage.sweep()
    approve(stage, DESCRIPTIONS)
    os.rename(yard.path("a.csv"), yard.path("b.csv"))
    stage.scan()
    stage.sweep()
    assert {Progress.DROPPED} == {one.progress for one in stage.all_acts() if one.action.kind in KINDS}
    assert ("wave", {}) == (shown(stage, "b.csv").label, plans(stage))


KINDS = {ActionKind.RELABEL_SAMPLE, ActionKind.MOVE_SAMPLE, ActionKind.EDIT_METADATA, ActionKind.EDIT_BOXES}


# --- undo


def test_edits_are_undone_and_not_done_again(yard: Yard) -> None:
    stage = staged(yard, "a.csv")
    before = shown(stage, "a.csv")
    want(stage, "a.csv")
    stage.sweep()
    written = [one for one in stage.all_acts() if one.action.kind is not ActionKind.EDIT_STRUCTURED]
    assert 5 == len(written)
    for one in written:
        assert stage.actions.ask_undo(one.id)
    assert 5 == stage.sweep()["undone"]
    for _ in range(2):
        stage.sweep()
    after = shown(stage, "a.csv")
    assert replace(before, companions=packed({PartKind.STRUCTURED: [RANGE]})) == after
    assert "wave" == yard.record("a.csv")["label"]


# --- sidecars


def say(yard: Yard, path: str, at: float, **said: Any) -> None:
    """Write `info.labels` for one file, touched at `at`."""
    entry = {"path": path, "label": {"type": "label", "label": said.pop("label", "wave")}, **said}
    place = yard.write("info.labels", json.dumps({"version": 1, "files": [entry]}).encode())
    os.utime(place, (at, at))
    yard.fake_events.of(yard.root.id).files.add("info.labels")


def followed(stage: Stage) -> list[str]:
    """Let the watcher work, then the reconciler. Return the edits."""
    run(stage.watcher, stage.clock.now)
    stage.sweep()
    return [verb for verb, _ in stage.cloud.edits]


def test_a_changed_sidecar_is_followed(yard: Yard) -> None:
    stage = staged(yard, "a.csv", "b.csv")
    say(yard, "a.csv", stage.clock.now + 1, label="idle", category="testing", metadata={"site": "2"})
    stage.clock.now += 2.0
    assert ["relabel", "move", "metadata"] == followed(stage)
    assert replace(WANTED, companions=None) == shown(stage, "a.csv")
    assert "wave" == shown(stage, "b.csv").label
    say(
        yard,
        "a.csv",
        stage.clock.now + 1,
        label="idle",
        category="testing",
        metadata={"site": "2"},
        boundingBoxes=[BOX],
    )
    stage.clock.now += 2.0
    assert ["relabel", "move", "metadata", "boxes"] == followed(stage)
    yard.path("info.labels").unlink()
    yard.fake_events.of(yard.root.id).files.add("info.labels")
    stage.clock.now += 2.0
    assert 4 == len(followed(stage)), "a sidecar that is missing may come back"


def test_pages_are_bounded_and_complete(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sent_descriptions, "PAGE", 2)
    paths = [f"{folder}{number}.csv" for folder in ("", "sub/") for number in range(5)]
    stage = staged(yard, *paths)
    entries = [{"path": path, "label": {"type": "label", "label": "idle"}} for path in paths]
    place = yard.write("info.labels", json.dumps({"version": 1, "files": entries}).encode())
    os.utime(place, (stage.clock.now + 1,) * 2)
    yard.fake_events.of(yard.root.id).files.add("info.labels")
    stage.clock.now += 2.0
    assert ["relabel"] * 10 == followed(stage)


def test_a_new_configuration_changes_no_sample_by_itself(yard: Yard) -> None:
    stage = staged(yard, "a.csv")
    stage.watched = {"labelling": LabelRules(PathRules("other", Category.TESTING)), "metadata": {"site": "9"}}
    stage.start()
    assert [] == followed(stage)
    say(yard, "a.csv", stage.clock.now + 1, label="wave", metadata={"by": "x"})
    stage.clock.now += 2.0
    assert ["metadata"] == followed(stage)
    assert {"by": "x", "site": "1"} == shown(stage, "a.csv").metadata


def test_a_sidecar_from_before_the_upload_changes_no_sample(yard: Yard) -> None:
    """An earlier version of eisync may not have read it."""
    stage = staged(yard, "a.csv")
    say(yard, "a.csv", stage.clock.now - 1800.0, label="idle")
    stage.clock.now += 2.0
    stage.start()
    assert [] == followed(stage)


def test_a_sidecar_that_changed_while_nothing_ran_is_followed(yard: Yard) -> None:
    stage = staged(yard, "a.csv")
    say(yard, "a.csv", stage.clock.now + 1, label="idle")
    stage.clock.now += 60.0
    stage.start()
    assert ["relabel"] == followed(stage)


def test_a_sidecar_that_cannot_be_used_changes_nothing(yard: Yard) -> None:
    stage = staged(yard, "a.csv")
    place = yard.write("info.labels", b"{")
    os.utime(place, (stage.clock.now + 1,) * 2)
    yard.fake_events.of(yard.root.id).files.add("info.labels")
    stage.clock.now += 2.0
    assert [] == followed(stage)


def test_a_sidecar_that_changes_while_a_file_is_sent_is_followed(yard: Yard) -> None:
    stage = Stage(yard, watched={"labelling": LABELLED})
    yard.write("a.csv")
    say(yard, "a.csv", yard.later - 1800.0, label="wave")
    stage.scan()
    [item] = yard.outbox.claim("main", [yard.root.id], limit=9, claim=1, now=stage.clock.now)
    say(yard, "a.csv", stage.clock.now + 1, label="idle")
    stage.clock.now += 2.0
    run(stage.watcher, stage.clock.now)
    sample_id = stage.cloud.add("a.csv", "ab", label=item.label, category="training")
    _settle(stage, item.id, sample_id)
    stage.clock.now += 5.0
    run(stage.watcher, stage.clock.now)
    stage.sweep()
    assert (["relabel"], State.SYNCED) == (followed(stage), stage.states["a.csv"])


def _settle(stage: Stage, item_id: int, sample_id: int) -> None:
    outcome = Outcome(item_id=item_id, events=(Event.STORED,), sample_ids=(sample_id,), sha256="ab")
    stage.yard.outbox.settle([outcome], claim=1, now=stage.clock.now)


def test_a_change_is_followed_though_the_process_ends_right_after_it_was_read(yard: Yard) -> None:
    stage = staged(yard, "a.csv")
    say(yard, "a.csv", stage.clock.now + 1, label="idle")
    stage.clock.now += 2.0
    stage.start()
    want, stage.watcher = Descriptions.want, yard.watcher(yard.watched(**stage.watched))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Descriptions, "want", failing(1, Died(), want))
        with pytest.raises(Died):
            run(stage.watcher, stage.clock.now)
    stage.start()
    assert ["relabel"] == followed(stage)
    assert [] == Sidecars(yard.database).unfollowed(yard.root.id)


# --- annotation files of other programs

ANNOTATED = {
    "YOLO": (
        {"a.txt": "0 0.2 0.4 0.2 0.6\n", "classes.txt": "cat\n"},
        ("a.txt", "0 0.2 0.4 0.2 0.6\n0 0.5 0.4 0.2 0.6\n"),
    ),
    "a class of YOLO": ({"a.txt": "0 0.2 0.4 0.2 0.6\n", "classes.txt": "cat\n"}, ("classes.txt", "dog\n")),
    "COCO": (
        {"_annotations.coco.json": json.dumps(COCO)},
        ("_annotations.coco.json", json.dumps(COCO).replace("[10, 5, 20, 30]", "[11, 5, 20, 30]")),
    ),
}


# Something happens to the file of an image, so that it counts as changed at any time.
@pytest.mark.parametrize(
    ("layout", "is_later"), [*((layout, True) for layout in ANNOTATED), ("a class of YOLO", False), ("COCO", False)]
)
def test_a_changed_annotation_is_followed_if_it_changed_after_the_upload(
    yard: Yard, layout: str, is_later: bool
) -> None:
    files, (place, text) = ANNOTATED[layout]
    for name, content in files.items():
        yard.write(name, content.encode())
    stage = Stage(yard)
    stage.put("a.png", content=lambda _: png())
    sample_id = stage.sample_of("a.png")
    before = stage.cloud.parts[sample_id][PartKind.BOXES]
    assert [("cat", 10, 5)] == [(one["label"], one["x"], one["y"]) for one in before]
    at = stage.clock.now + (1.0 if is_later else -1800.0)
    os.utime(yard.write(place, text.encode()), (at, at))
    yard.fake_events.of(yard.root.id).files.add(place)
    stage.clock.now += 2.0
    run(stage.watcher, stage.clock.now)
    run(stage.watcher, stage.clock.now + 2.0)
    stage.sweep()
    assert (["boxes"] if is_later else []) == [verb for verb, _ in stage.cloud.edits]
    assert is_later == (before != stage.cloud.parts[sample_id][PartKind.BOXES])
