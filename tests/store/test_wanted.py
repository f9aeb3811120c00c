"""What sent files should be described with instead: recorded, followed, rejected, undone, forgotten."""

import json
from dataclasses import replace
from typing import Any

import pytest

from eisync.core.actions import Action, ActionKind, Cause, Progress, WantedDescription
from eisync.core.labels.description import Description
from eisync.core.labels.parts import PartKind, packed
from eisync.core.model import Category, Rename
from eisync.core.policy import Trigger
from eisync.store.actions import ActionStore
from eisync.store.descriptions import Descriptions
from eisync.store.plans import DESCRIPTIONS

from .shelf import NOW, Shelf

AS_SENT = Description(label="wave", category=Category.SPLIT)
WANTED = Description(
    label="idle",
    category=Category.TESTING,
    metadata={"site": "2"},
    companions=packed({PartKind.BOXES: [{"label": "b", "x": 1}], PartKind.LABEL_MAP: {"k": "v"}}),
    remarks={"name": "why"},
)
KINDS: dict[ActionKind, tuple[str, str]] = {
    ActionKind.RELABEL_SAMPLE: ("wave", "idle"),
    ActionKind.MOVE_SAMPLE: ("training", "testing"),
    ActionKind.EDIT_METADATA: ('{"by": "hand"}', '{"by": "hand", "site": "2"}'),
    ActionKind.EDIT_BOXES: ("[]", '[{"label":"b","x":1}]'),
    ActionKind.EDIT_LABEL_MAP: ("{}", '{"k":"v"}'),
}


def actions_of(shelf: Shelf) -> ActionStore:
    return ActionStore(shelf.database)


def want(
    shelf: Shelf, identity: int, one: Description = WANTED, *, is_asked: bool = False, now: float = NOW + 1
) -> int:
    return actions_of(shelf).wanted.want([(identity, one)], is_asked=is_asked, now=now)


def edit(identity: int, kind: ActionKind, *, sample_id: int = 70, since_at: float = NOW + 1) -> Action:
    was, to = KINDS[kind]
    return Action(
        kind=kind,
        cause=Cause.DESCRIPTION_CHANGE,
        file_id=identity,
        root="/data",
        path="a.csv",
        reason="because",
        since_at=since_at,
        sample_id=sample_id,
        was=was,
        to=to,
    )


def found(shelf: Shelf, identity: int) -> tuple[Description, Description | None]:
    """What was sent with the file, and what is wanted instead."""
    side = actions_of(shelf).side(identity)
    assert side is not None
    sent = Description(label=side.label, category=side.category, metadata=side.metadata, companions=side.companions)
    return sent, None if side.wanted is None else side.wanted.description


def wanted_now(shelf: Shelf, identity: int) -> WantedDescription | None:
    side = actions_of(shelf).side(identity)
    assert side is not None
    return side.wanted


def carry_out(shelf: Shelf, *edits: Action) -> list[int]:
    """Do the edits. Return the ids of the actions."""
    actions = actions_of(shelf)
    actions.allow("main", edits, now=NOW + 2)
    written = actions.to_do("main", is_retention=False, limit=100)
    for one in written:
        actions.begin(one.id)
        actions.finish("main", one, "done", now=NOW + 3)
    return [one.id for one in written]


def is_proposed(shelf: Shelf) -> bool:
    return bool(actions_of(shelf).sides("main", Trigger.DESCRIBED, [shelf.root.id], limit=9))


def test_a_wanted_description_stands_beside_what_was_sent(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 70)
    assert 1 == want(shelf, identity)
    sent, wanted = found(shelf, identity)
    assert (AS_SENT, WANTED) == (sent, wanted)
    assert wanted is not None
    assert {"name": "why"} == wanted.remarks
    assert 0 == want(shelf, identity, now=NOW + 5), "the same again is nothing new"
    wish = wanted_now(shelf, identity)
    assert wish is not None
    assert (NOW + 1, False) == (wish.at, wish.is_asked)
    assert is_proposed(shelf)


def test_what_was_sent_is_not_wanted(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 70)
    assert 0 == want(shelf, identity, AS_SENT)
    want(shelf, identity)
    assert 0 == want(shelf, identity, AS_SENT)
    assert (AS_SENT, None) == found(shelf, identity)


def test_only_files_at_the_service_are_described_otherwise(shelf: Shelf) -> None:
    assert 0 == want(shelf, shelf.enqueue("a.csv"))
    assert 0 == want(shelf, 12345)


def test_a_person_who_asks_renews_it(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 70)
    want(shelf, identity)
    assert 1 == want(shelf, identity, is_asked=True, now=NOW + 9)
    want(shelf, identity, replace(WANTED, label="third"), now=NOW + 10)
    wish = wanted_now(shelf, identity)
    assert wish is not None
    assert (NOW + 10, True) == (wish.at, wish.is_asked), "it stays with the person"


@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_is_followed_when_it_is_done(shelf: Shelf, kind: ActionKind) -> None:
    identity = shelf.sync("a.csv", 70)
    want(shelf, identity)
    carry_out(shelf, edit(identity, kind))
    sent, wanted = found(shelf, identity)
    assert WANTED == wanted, "the others are still to do"
    expected: dict[ActionKind, dict[str, Any]] = {
        ActionKind.RELABEL_SAMPLE: {"label": "idle"},
        ActionKind.MOVE_SAMPLE: {"category": Category.TESTING},
        ActionKind.EDIT_METADATA: {"metadata": {"site": "2"}},
        ActionKind.EDIT_BOXES: {"companions": packed({PartKind.BOXES: [{"label": "b", "x": 1}]})},
        ActionKind.EDIT_LABEL_MAP: {"companions": packed({PartKind.LABEL_MAP: {"k": "v"}})},
    }
    assert replace(AS_SENT, **expected[kind]) == sent


def test_with_the_last_edit_nothing_is_wanted_any_more(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 70)
    want(shelf, identity)
    carry_out(shelf, *(edit(identity, kind) for kind in KINDS))
    assert (replace(WANTED, remarks={}), None) == found(shelf, identity)
    assert not is_proposed(shelf)


def test_an_edit_of_an_earlier_description_changes_nothing_of_this_one(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 70)
    want(shelf, identity)
    carry_out(shelf, edit(identity, ActionKind.RELABEL_SAMPLE, since_at=NOW))
    assert (AS_SENT, WANTED) == found(shelf, identity)


def test_a_file_with_two_samples_follows_when_both_are_edited(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 70, 71)
    want(shelf, identity, replace(AS_SENT, label="idle"))
    actions = actions_of(shelf)
    both = [edit(identity, ActionKind.RELABEL_SAMPLE, sample_id=sample_id) for sample_id in (70, 71)]
    actions.allow("main", both, now=NOW)
    first, second = actions.to_do("main", is_retention=False, limit=9)
    actions.finish("main", first, "done", now=NOW)
    assert "wave" == found(shelf, identity)[0].label
    actions.finish("main", second, "done", now=NOW)
    assert (replace(AS_SENT, label="idle"), None) == found(shelf, identity)


def test_what_the_service_has_already_is_followed(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 70)
    want(shelf, identity)
    actions_of(shelf).wanted.note_followed([identity, 999])
    assert (replace(WANTED, remarks={}), None) == found(shelf, identity)


def test_a_no_counts_until_another_description_is_wanted_or_a_person_asks(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 70)
    want(shelf, identity)
    actions = actions_of(shelf)
    one = edit(identity, ActionKind.RELABEL_SAMPLE)
    plan_id, _ = actions.hold("main", [one], "why", now=NOW, about=DESCRIPTIONS)
    assert 1 == actions.decide(plan_id, is_approved=False, now=NOW)

    def declined() -> set[ActionKind]:
        wish = wanted_now(shelf, identity)
        assert wish is not None
        return set(wish.declined)

    assert {ActionKind.RELABEL_SAMPLE} == declined()
    actions.wanted.note_followed([identity])
    assert not is_proposed(shelf)
    assert 0 == want(shelf, identity), "the same is not proposed again"
    want(shelf, identity, replace(WANTED, metadata={"site": "3"}))
    assert {ActionKind.RELABEL_SAMPLE} == declined(), "the label is still the one that was rejected"
    want(shelf, identity, replace(WANTED, label="third"))
    assert set() == declined()
    assert is_proposed(shelf)


def test_a_rejected_edit_comes_back_when_a_person_asks(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 70)
    want(shelf, identity)
    actions = actions_of(shelf)
    plan_id, _ = actions.hold("main", [edit(identity, ActionKind.MOVE_SAMPLE)], "why", now=NOW)
    actions.decide(plan_id, is_approved=False, now=NOW)
    actions.wanted.note_followed([identity])
    assert 1 == want(shelf, identity, is_asked=True, now=NOW + 9)
    wish = wanted_now(shelf, identity)
    assert wish is not None
    assert (frozenset(), True) == (wish.declined, is_proposed(shelf))


@pytest.mark.parametrize("kind", KINDS)
def test_an_undone_edit_is_not_done_again(shelf: Shelf, kind: ActionKind) -> None:
    identity = shelf.sync("a.csv", 70)
    want(shelf, identity)
    ids = carry_out(shelf, *(edit(identity, one) for one in KINDS))
    actions = actions_of(shelf)
    written = next(one for one in map(actions.find, ids) if one is not None and one.action.kind is kind)
    assert actions.ask_undo(written.id)
    actions.undone("main", written, "undone", facts=None, now=NOW + 9)
    after = actions.find(written.id)
    assert after is not None
    assert after.progress is Progress.UNDONE
    boxes, label_map = {PartKind.BOXES: [{"label": "b", "x": 1}]}, {PartKind.LABEL_MAP: {"k": "v"}}
    expected: dict[ActionKind, dict[str, Any]] = {
        ActionKind.RELABEL_SAMPLE: {"label": "wave"},
        ActionKind.MOVE_SAMPLE: {"category": Category.TRAINING},
        ActionKind.EDIT_METADATA: {"metadata": {}},
        ActionKind.EDIT_BOXES: {"companions": packed(label_map)},
        ActionKind.EDIT_LABEL_MAP: {"companions": packed(boxes)},
    }
    sent, wanted = found(shelf, identity)
    assert replace(WANTED, remarks={}, **expected[kind]) == sent
    assert WANTED == wanted
    wish = wanted_now(shelf, identity)
    assert wish is not None
    assert {kind} == wish.declined
    assert 0 == want(shelf, identity)


def test_undoing_an_old_edit_leaves_a_newer_wish_alone(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 70)
    want(shelf, identity, replace(AS_SENT, label="idle"))
    [action_id] = carry_out(shelf, edit(identity, ActionKind.RELABEL_SAMPLE))
    want(shelf, identity, replace(AS_SENT, label="third"), now=NOW + 5)
    actions = actions_of(shelf)
    written = actions.find(action_id)
    assert written is not None
    actions.undone("main", written, "undone", facts=None, now=NOW + 9)
    wish = wanted_now(shelf, identity)
    assert wish is not None
    assert ("wave", "third", frozenset()) == (found(shelf, identity)[0].label, wish.description.label, wish.declined)


def test_what_was_found_in_a_sample_is_remembered(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 70)
    shelf.sweep(70)
    actions = actions_of(shelf)
    for kind in (ActionKind.RELABEL_SAMPLE, ActionKind.EDIT_METADATA, ActionKind.EDIT_BOXES):
        actions.wanted.note_found("main", edit(identity, kind), KINDS[kind][1])
    side = actions.side(identity)
    assert side is not None
    [held] = side.samples
    assert ("idle", (("by", "hand"), ("site", "2"))) == (held.sample.label, held.sample.metadata)
    assert {ActionKind.EDIT_BOXES: '[{"label":"b","x":1}]'} == held.found


def test_a_renamed_file_and_a_new_version_are_described_anew(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 70)
    want(shelf, identity)
    shelf.places.follow([Rename(id=identity, path="b.csv", label="b", category=Category.SPLIT)], now=NOW + 5)
    assert wanted_now(shelf, identity) is None
    want(shelf, identity)
    shelf.enqueue("b.csv", 2, now=NOW + 6)
    assert wanted_now(shelf, identity) is None


def test_a_file_that_is_sent_again_is_described_anew(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 70)
    want(shelf, identity)
    shelf.make_tombstones(70, now=NOW + 5)
    assert 1 == shelf.outbox.retry([identity], now=NOW + 6)
    assert wanted_now(shelf, identity) is None


def test_sent_files_are_listed_with_what_is_wanted(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 70)
    other = shelf.sync("a/b.csv", 71, sha256="b")
    shelf.enqueue("waiting.csv")
    descriptions = Descriptions(shelf.database)
    descriptions.want([(identity, WANTED)], is_asked=False, now=NOW)

    def listed(**page: Any) -> list[tuple[int, str]]:
        found = descriptions.sent_within(shelf.root.id, page.pop("folder", ""), **{"after": "", "limit": 9, **page})
        return [(one.id, one.path) for one in found]

    assert [(identity, "a.csv"), (other, "a/b.csv")] == listed(is_deep=True)
    assert [(identity, "a.csv")] == listed(is_deep=True, limit=1) == listed(is_deep=False)
    assert [(other, "a/b.csv")] == listed(is_deep=True, after="a.csv") == listed(is_deep=True, folder="a")
    first, second = descriptions.sent_at(shelf.root.id, ["a.csv", "a/b.csv", "waiting.csv", "none.csv"])
    assert (WANTED, AS_SENT) == (first.description, second.description)
    assert (NOW, identity) == first.cursor
    shelf.outbox.mark_gone([other], now=NOW + 1)
    assert [(identity, "a.csv")] == listed(is_deep=True)


def test_values_are_json(shelf: Shelf) -> None:
    identity = shelf.sync("a.csv", 70)
    want(shelf, identity)
    with shelf.database.reading() as connection:
        row = connection.execute("select metadata, declined from wanted_description").fetchone()
    assert ({"site": "2"}, []) == (json.loads(row["metadata"]), json.loads(row["declined"]))
