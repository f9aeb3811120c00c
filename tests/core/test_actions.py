"""Every pair of a file's state here and its sample's state at the service, under every relevant policy."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.absence import ABSENT_S, Absence, Elsewhere
from eisync.core.action_sentences import sentence
from eisync.core.actions import (
    EDITS,
    PARTS,
    REMOVALS,
    Action,
    ActionKind,
    Cause,
    FileSide,
    LinkedSample,
    Published,
    is_agreed,
    name_of,
    propose,
    tombstone,
)
from eisync.core.identity import Identity, Sent
from eisync.core.lifecycle import State
from eisync.core.model import Category, FileFacts, RemoteSample
from eisync.core.policy import OnRemoteDelete, Policy, Trigger, triggers

NOW = 1_000_000.0
SHA = "ab" * 32
DEFAULT = Policy()
ALL = Policy(on_remote_delete=OnRemoteDelete.TRASH, deletes_samples=True, edits_samples=True, replaces_samples=True)
NOTHING = Policy(edits_samples=False)


def sample(identity: int = 1, name: str = "wave.1", label: str = "wave", category: str = "training") -> RemoteSample:
    return RemoteSample(id=identity, filename=name, category=category, label=label, sha256=SHA)


def linked(one: RemoteSample, **more: Any) -> LinkedSample:
    return LinkedSample(one, Sent(sha256=SHA), **more)


def side(**more: object) -> FileSide:
    fields: dict[str, Any] = {
        "id": 7,
        "root_id": 1,
        "root": "/data",
        "path": "training/wave.1.csv",
        "state": State.SYNCED,
        "facts": FileFacts(4, 5, 6),
        "label": "wave",
        "category": Category.TRAINING,
        "sha256": SHA,
        "since_at": 900.0,
        "samples": (linked(sample()),),
        **more,
    }
    return FileSide(**fields)


LOOKED_FOR = Absence(scanned_at=NOW, elsewhere=Elsewhere.NOWHERE)
LOCAL: dict[str, dict[str, object]] = {
    "as it was sent": {},
    "gone for long": {"absent_at": NOW - ABSENT_S, "absence": LOOKED_FOR},
    "gone for long, and not searched for": {"absent_at": NOW - ABSENT_S},
    "moved": {"absent_at": NOW - ABSENT_S, "absence": replace(LOOKED_FOR, elsewhere=Elsewhere.THERE)},
    "gone just now": {"absent_at": NOW - ABSENT_S + 1.0, "absence": LOOKED_FOR},
    "gone in the future": {"absent_at": NOW + 3600.0, "absence": LOOKED_FOR},
    "taken away by us": {"absent_at": NOW - ABSENT_S, "is_removed": True, "absence": LOOKED_FOR},
    "renamed": {
        "path": "testing/idle.2.csv",
        "label": "idle",
        "category": Category.TESTING,
        "published": Published(name="wave.1", label="wave", category=Category.TRAINING),
    },
    "renamed within its label": {
        "path": "training/wave.2.csv",
        "published": Published(name="wave.1", label="wave", category=Category.TRAINING),
    },
    "moved to where the service decides": {
        "category": Category.SPLIT,
        "published": Published(name="wave.1", label="wave", category=Category.TRAINING),
    },
    "changed": {"samples": (linked(sample(2)),), "older": (linked(sample(1)),)},
    "changed, and the new one not listed": {
        "samples": (linked(sample(2), identity=Identity.UNLISTED),),
        "older": (linked(sample(1)),),
    },
    "changed back": {"older": (linked(sample(1)),)},
}
REMOTE: dict[str, dict[str, object]] = {
    "there": {},
    "shared": {"is_shared": True},
    "deleted, and not noticed": {"is_none": True},
}
DELETE, RENAME, RELABEL, MOVE = (
    ActionKind.DELETE_SAMPLE,
    ActionKind.RENAME_SAMPLE,
    ActionKind.RELABEL_SAMPLE,
    ActionKind.MOVE_SAMPLE,
)
EXPECTED: dict[tuple[str, str], list[tuple[ActionKind, int, str | None]]] = {
    ("gone for long", "there"): [(DELETE, 1, None)],
    ("renamed", "there"): [(RENAME, 1, "idle.2"), (RELABEL, 1, "idle"), (MOVE, 1, "testing")],
    ("renamed within its label", "there"): [(RENAME, 1, "wave.2")],
    ("changed", "there"): [(DELETE, 1, None)],
}


def file_side(local: str, remote: str) -> FileSide:
    found = side(**LOCAL[local])
    if REMOTE[remote].get("is_none"):
        return replace(found, samples=(), older=())
    is_shared = bool(REMOTE[remote].get("is_shared"))
    return replace(
        found,
        samples=tuple(replace(linked, is_shared=is_shared) for linked in found.samples),
        older=tuple(replace(linked, is_shared=is_shared) for linked in found.older),
    )


@pytest.mark.parametrize(("local", "remote"), list(product(LOCAL, REMOTE)))
def test_every_pair_of_file_and_sample_has_its_actions(local: str, remote: str) -> None:
    actions = propose(file_side(local, remote), ALL, now=NOW)
    assert EXPECTED.get((local, remote), []) == [(action.kind, action.sample_id, action.to) for action in actions]


@pytest.mark.parametrize(("local", "remote"), list(product(LOCAL, REMOTE)))
def test_the_defaults_edit_and_delete_nothing(local: str, remote: str) -> None:
    file = file_side(local, remote)
    assert all(action.kind in EDITS for action in propose(file, DEFAULT, now=NOW))
    assert [] == propose(file, NOTHING, now=NOW)


@pytest.mark.parametrize("state", [one for one in State if one not in (State.SYNCED, State.TOMBSTONE)])
def test_a_file_on_its_way_is_left_alone(state: State) -> None:
    for local, remote in product(LOCAL, REMOTE):
        assert [] == propose(replace(file_side(local, remote), state=state), ALL, now=NOW)


@pytest.mark.parametrize(
    ("policy", "more", "expected"),
    [
        (OnRemoteDelete.KEEP, {}, []),
        (OnRemoteDelete.TRASH, {}, [ActionKind.TRASH_FILE]),
        (OnRemoteDelete.DELETE, {}, [ActionKind.DELETE_FILE]),
        (OnRemoteDelete.DELETE, {"sha256": None}, []),
        (OnRemoteDelete.DELETE, {"absent_at": NOW - 1000.0}, []),
        (OnRemoteDelete.DELETE, {"is_removed": True}, []),
        (OnRemoteDelete.DELETE, {"samples": (linked(sample(2)),)}, []),
        (OnRemoteDelete.DELETE, {"gone": ()}, []),
        *[
            (OnRemoteDelete.DELETE, {"gone": (linked(sample(), identity=identity),)}, [])
            for identity in (Identity.CHANGED, Identity.UNLISTED, Identity.FOREIGN)
        ],
    ],
)
def test_a_tombstone_follows_the_policy(
    policy: OnRemoteDelete, more: dict[str, object], expected: list[ActionKind]
) -> None:
    file = side(**{"state": State.TOMBSTONE, "samples": (), "gone": (linked(sample()),), **more})
    assert expected == [action.kind for action in propose(file, Policy(on_remote_delete=policy), now=NOW)]


# An edit by a person in Studio stays, unless the rename is about the same value.
@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (sample(name="other"), [(RENAME, "wave.2")]),
        (sample(label="by a person"), [(RENAME, "wave.2")]),
        (sample(category="validation"), [(RENAME, "wave.2")]),
        (sample(name="wave.2"), []),
    ],
)
def test_an_edit_by_a_person_stays(there: RemoteSample, expected: list[tuple[ActionKind, str]]) -> None:
    file = replace(side(**LOCAL["renamed within its label"]), samples=(linked(there),))
    assert expected == [(action.kind, action.to) for action in propose(file, ALL, now=NOW)]


def test_nothing_is_proposed_for_a_sample_that_was_not_listed_yet() -> None:
    file = replace(side(**LOCAL["renamed"]), samples=(linked(sample(), identity=Identity.UNLISTED),))
    assert ([], False) == (propose(file, ALL, now=NOW), is_agreed(file))
    assert is_agreed(side(**LOCAL["renamed"]))


def test_a_removed_label_becomes_an_empty_one() -> None:
    file = replace(side(**LOCAL["renamed"]), label=None, category=Category.TRAINING)
    assert [(RENAME, "idle.2"), (RELABEL, "")] == [(action.kind, action.to) for action in propose(file, ALL, now=NOW)]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (DEFAULT, {Trigger.RENAMED}),
        (NOTHING, set()),
        (ALL, set(Trigger) - {Trigger.DESCRIBED}),
        (Policy(edits_samples=False, deletes_samples=True), {Trigger.ABSENT}),
    ],
)
def test_only_triggers_that_a_policy_needs_are_searched_for(policy: Policy, expected: set[Trigger]) -> None:
    found = triggers({1: policy, 2: NOTHING})
    assert {1, 2} == found.pop(Trigger.DESCRIBED)  # whatever the policy
    assert expected == set(found)
    assert all(roots == {1} for roots in found.values())


def test_every_action_has_a_sentence() -> None:
    for kind in ActionKind:
        action = Action(
            kind=kind,
            cause=Cause.LOCAL_RENAME,
            file_id=1,
            root="/data/",
            path="a/b.csv",
            reason="because",
            since_at=1.0,
            sample_id=9,
            to="new" if kind not in {*PARTS, ActionKind.EDIT_METADATA} else "{}",
            was="old" if kind not in {*PARTS, ActionKind.EDIT_METADATA} else "{}",
        )
        text = sentence(action)
        assert text.endswith(": because")
        assert ("9" in text) == (kind not in {*REMOVALS, ActionKind.TOMBSTONE})
        assert "/data/a/b.csv" in text


# --- properties

names = st.sampled_from(["wave.1.csv", "idle.1.csv", "testing/idle.2.csv", "training/wave.1.cbor", "x"])
labels = st.sampled_from([None, "wave", "idle"])
categories = st.sampled_from(list(Category))
listed = st.builds(
    RemoteSample,
    id=st.integers(1, 4),
    filename=st.sampled_from(["wave.1", "idle.1", "idle.2", "x"]),
    category=st.sampled_from(["training", "testing", "validation"]),
    label=labels,
    sha256=st.just(SHA),
)
helds = st.lists(
    st.builds(LinkedSample, listed, st.just(Sent(sha256=SHA)), st.booleans(), st.sampled_from(Identity)), max_size=3
).map(lambda found: tuple({linked.sample.id: linked for linked in found}.values()))
sides = st.builds(
    FileSide,
    id=st.just(7),
    root_id=st.just(1),
    root=st.just("/data"),
    path=names,
    state=st.sampled_from(list(State)),
    facts=st.just(FileFacts(4, 5, 6)),
    label=labels,
    category=categories,
    sha256=st.sampled_from([None, SHA]),
    since_at=st.just(900.0),
    absent_at=st.one_of(st.none(), st.floats(NOW - 1000.0, NOW + 1000.0)),
    is_removed=st.booleans(),
    published=st.one_of(st.none(), st.builds(Published, name=names, label=labels, category=categories)),
    samples=helds,
    older=helds,
    segments=st.integers(0, 2),
    absence=st.one_of(
        st.none(),
        st.builds(
            Absence,
            scanned_at=st.sampled_from([None, NOW - 2000.0, NOW + 2000.0]),
            elsewhere=st.sampled_from(list(Elsewhere)),
            away=st.sampled_from([None, "a disk"]),
        ),
    ),
)
policies = st.builds(
    Policy,
    on_remote_delete=st.sampled_from(list(OnRemoteDelete)),
    deletes_samples=st.booleans(),
    edits_samples=st.booleans(),
    replaces_samples=st.booleans(),
)


@given(sides, policies)
def test_applying_it_twice_changes_nothing(file: FileSide, policy: Policy) -> None:
    after = file
    for action in propose(file, policy, now=NOW):
        after = applied(after, action)
    assert [] == propose(after, policy, now=NOW)


def applied(file: FileSide, action: Action) -> FileSide:
    """Return the file after the action was executed, as in the index."""
    if action.kind in REMOVALS:
        return replace(file, is_removed=True, absent_at=NOW)
    if action.kind is ActionKind.DELETE_SAMPLE:
        return replace(
            file,
            samples=tuple(linked for linked in file.samples if linked.sample.id != action.sample_id),
            older=tuple(linked for linked in file.older if linked.sample.id != action.sample_id),
        )
    column = {
        ActionKind.RENAME_SAMPLE: "filename",
        ActionKind.RELABEL_SAMPLE: "label",
        ActionKind.MOVE_SAMPLE: "category",
    }[action.kind]
    return replace(file, samples=tuple(edited(file.samples, action, column)))


def edited(samples: tuple[LinkedSample, ...], action: Action, column: str) -> Iterator[LinkedSample]:
    for linked in samples:
        is_meant = linked.sample.id == action.sample_id
        change: dict[str, Any] = {column: action.to}
        yield replace(linked, sample=replace(linked.sample, **change)) if is_meant else linked


@given(sides, policies)
def test_nothing_unconfirmed_is_deleted(file: FileSide, policy: Policy) -> None:
    ours = {linked.sample.id: linked for linked in (*file.older, *file.samples)}
    for action in propose(file, policy, now=NOW):
        if action.kind in REMOVALS:
            # The service confirmed the deletion, and the content hash of what was sent is known.
            assert file.state is State.TOMBSTONE
            assert file.sha256 is not None
            assert not file.samples
            assert not file.segments
            assert policy.on_remote_delete is not OnRemoteDelete.KEEP
        if action.kind is ActionKind.DELETE_SAMPLE:
            assert action.sample_id in ours
            assert not ours[action.sample_id or 0].is_shared
            assert file.state is State.SYNCED
            assert policy.deletes_samples or policy.replaces_samples
            if file.absent_at is None:
                # The version that replaced it is certainly there, and is a different one.
                assert any(linked.is_listed and linked.sample.id != action.sample_id for linked in file.samples)
            else:
                assert NOW - file.absent_at >= ABSENT_S
                assert file.absence is not None
                assert Elsewhere.NOWHERE is file.absence.elsewhere
                assert file.absence.away is None
                assert (file.absence.scanned_at or 0.0) > file.absent_at


@given(sides, policies)
def test_the_same_action_for_the_same_cause_has_the_same_key(file: FileSide, policy: Policy) -> None:
    actions = propose(file, policy, now=NOW)
    assert [action.key for action in actions] == [action.key for action in propose(file, policy, now=NOW)]
    assert len(actions) == len({action.key for action in actions})


@given(st.text(min_size=1).filter(lambda text: "/" not in text and "\x00" not in text))
def test_the_name_is_the_one_that_the_service_stores(name: str) -> None:
    assert name_of(name) == name_of(f"deep/folder/{name}")


@pytest.mark.parametrize(
    ("more", "policy", "expected"),
    [
        ({}, ALL, ("trash_file", "its sample was deleted in the project")),
        ({}, Policy(on_remote_delete=OnRemoteDelete.DELETE), ("delete_file", "its sample was deleted in the project")),
        ({}, NOTHING, (None, "its sample 1 is no longer in the project")),
        ({"segments": 1}, ALL, (None, "its sample 1 is no longer in the project")),
        ({"sha256": None}, ALL, (None, "its sample 1 is no longer in the project")),
        ({"samples": ()}, ALL, None),
        ({"state": State.READY}, ALL, None),
        ({"state": State.TOMBSTONE}, ALL, None),
    ],
)
def test_a_proposed_tombstone_has_what_happens_to_the_file(
    more: dict[str, object], policy: Policy, expected: tuple[str | None, str] | None
) -> None:
    action = tombstone(side(**more), policy)
    if expected is None:
        assert action is None
        return
    assert action is not None
    assert expected == (action.to, action.reason)
    assert (ActionKind.TOMBSTONE, Cause.REMOTE_DELETION) == (action.kind, action.cause)
    assert (7, "/data", "training/wave.1.csv", 1, 900.0) == (
        action.file_id, action.root, action.path, action.sample_id, action.since_at
    )  # fmt: skip


def test_the_key_of_an_action_changes_only_with_its_cause() -> None:
    (renamed, *_) = propose(file_side("renamed", "there"), ALL, now=NOW)
    (later, *_) = propose(file_side("renamed", "there"), ALL, now=NOW + 60.0)
    assert renamed.key == later.key
    assert renamed.key == replace(renamed, reason="worded otherwise", was="x").key
    others = [
        replace(renamed, kind=ActionKind.RELABEL_SAMPLE),
        replace(renamed, file_id=8),
        replace(renamed, sample_id=None),
        replace(renamed, since_at=901.0),
        replace(renamed, to=None),
    ]
    assert 1 + len(others) == len({renamed.key, *(one.key for one in others)})
