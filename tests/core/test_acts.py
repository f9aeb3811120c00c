"""Every pair of what a file is here and what its sample is there, under every policy that is about it."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.acts import (
    ABSENT_S,
    EDITS,
    REMOVALS,
    Act,
    Cause,
    FileSide,
    Held,
    Kind,
    Occasion,
    OnRemoteDelete,
    Policy,
    Published,
    is_agreed,
    name_of,
    occasions,
    propose,
    sentence,
)
from eisync.core.items import Category, FileFacts, RemoteSample
from eisync.core.lifecycle import State

NOW = 1_000_000.0
SHA = "ab" * 32
DEFAULT = Policy()
ALL = Policy(on_remote_delete=OnRemoteDelete.TRASH, deletes_samples=True, edits_samples=True, replaces_samples=True)
NOTHING = Policy(edits_samples=False)


def sample(identity: int = 1, name: str = "wave.1", label: str = "wave", category: str = "training") -> RemoteSample:
    return RemoteSample(id=identity, filename=name, category=category, label=label, sha256=SHA)


def side(**more: object) -> FileSide:
    fields: dict[str, object] = {
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
        "samples": (Held(sample()),),
        **more,
    }
    return FileSide(**fields)  # type: ignore[arg-type]


LOCAL: dict[str, dict[str, object]] = {
    "as it was sent": {},
    "gone for long": {"absent_at": NOW - ABSENT_S},
    "gone just now": {"absent_at": NOW - ABSENT_S + 1.0},
    "gone in the future": {"absent_at": NOW + 3600.0},
    "taken away by us": {"absent_at": NOW - ABSENT_S, "is_removed": True},
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
    "changed": {"samples": (Held(sample(2)),), "older": (Held(sample(1)),)},
    "changed, and the new one not listed": {
        "samples": (Held(sample(2), is_listed=False),),
        "older": (Held(sample(1)),),
    },
    "changed back": {"older": (Held(sample(1)),)},
}
REMOTE: dict[str, dict[str, object]] = {
    "there": {},
    "shared": {"is_shared": True},
    "deleted, and not noticed": {"is_none": True},
}
DELETE, RENAME, RELABEL, MOVE = Kind.DELETE_SAMPLE, Kind.RENAME_SAMPLE, Kind.RELABEL_SAMPLE, Kind.MOVE_SAMPLE
EXPECTED: dict[tuple[str, str], list[tuple[Kind, int, str | None]]] = {
    ("gone for long", "there"): [(DELETE, 1, None)],
    ("renamed", "there"): [(RENAME, 1, "idle.2"), (RELABEL, 1, "idle"), (MOVE, 1, "testing")],
    ("renamed within its label", "there"): [(RENAME, 1, "wave.2")],
    ("changed", "there"): [(DELETE, 1, None)],
}


def in_the_world(local: str, remote: str) -> FileSide:
    found = side(**LOCAL[local])
    if REMOTE[remote].get("is_none"):
        return replace(found, samples=(), older=())
    is_shared = bool(REMOTE[remote].get("is_shared"))
    return replace(
        found,
        samples=tuple(replace(held, is_shared=is_shared) for held in found.samples),
        older=tuple(replace(held, is_shared=is_shared) for held in found.older),
    )


@pytest.mark.parametrize(("local", "remote"), list(product(LOCAL, REMOTE)))
def test_what_follows_from_every_pair(local: str, remote: str) -> None:
    acts = propose(in_the_world(local, remote), ALL, now=NOW)
    assert EXPECTED.get((local, remote), []) == [(act.kind, act.sample_id, act.to) for act in acts]


@pytest.mark.parametrize(("local", "remote"), list(product(LOCAL, REMOTE)))
def test_the_defaults_edit_and_delete_nothing(local: str, remote: str) -> None:
    file = in_the_world(local, remote)
    assert all(act.kind in EDITS for act in propose(file, DEFAULT, now=NOW))
    assert [] == propose(file, NOTHING, now=NOW)


@pytest.mark.parametrize("state", [one for one in State if one not in (State.SYNCED, State.TOMBSTONE)])
def test_a_file_on_its_way_is_left_alone(state: State) -> None:
    for local, remote in product(LOCAL, REMOTE):
        assert [] == propose(replace(in_the_world(local, remote), state=state), ALL, now=NOW)


@pytest.mark.parametrize(
    ("policy", "more", "expected"),
    [
        (OnRemoteDelete.KEEP, {}, []),
        (OnRemoteDelete.TRASH, {}, [Kind.TRASH_FILE]),
        (OnRemoteDelete.DELETE, {}, [Kind.DELETE_FILE]),
        (OnRemoteDelete.DELETE, {"sha256": None}, []),
        (OnRemoteDelete.DELETE, {"absent_at": NOW - 1000.0}, []),
        (OnRemoteDelete.DELETE, {"is_removed": True}, []),
        (OnRemoteDelete.DELETE, {"samples": (Held(sample(2)),)}, []),
    ],
)
def test_what_becomes_of_a_tombstone(policy: OnRemoteDelete, more: dict[str, object], expected: list[Kind]) -> None:
    file = side(**{"state": State.TOMBSTONE, "samples": (), **more})
    assert expected == [act.kind for act in propose(file, Policy(on_remote_delete=policy), now=NOW)]


# What a person edited in Studio stays, where the rename is not about it.
@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (sample(name="other"), [(RENAME, "wave.2")]),
        (sample(label="by a person"), [(RENAME, "wave.2")]),
        (sample(category="validation"), [(RENAME, "wave.2")]),
        (sample(name="wave.2"), []),
    ],
)
def test_an_edit_of_a_person_stays(there: RemoteSample, expected: list[tuple[Kind, str]]) -> None:
    file = replace(side(**LOCAL["renamed within its label"]), samples=(Held(there),))
    assert expected == [(act.kind, act.to) for act in propose(file, ALL, now=NOW)]


def test_nothing_is_said_of_a_sample_that_was_not_listed_yet() -> None:
    file = replace(side(**LOCAL["renamed"]), samples=(Held(sample(), is_listed=False),))
    assert ([], False) == (propose(file, ALL, now=NOW), is_agreed(file))
    assert is_agreed(side(**LOCAL["renamed"]))


def test_a_label_that_is_taken_away_is_an_empty_one() -> None:
    file = replace(side(**LOCAL["renamed"]), label=None, category=Category.TRAINING)
    assert [(RENAME, "idle.2"), (RELABEL, "")] == [(act.kind, act.to) for act in propose(file, ALL, now=NOW)]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (DEFAULT, {Occasion.RENAMED}),
        (NOTHING, set()),
        (ALL, set(Occasion)),
        (Policy(edits_samples=False, deletes_samples=True), {Occasion.ABSENT}),
    ],
)
def test_only_what_a_policy_cares_about_is_looked_for(policy: Policy, expected: set[Occasion]) -> None:
    found = occasions({1: policy, 2: NOTHING})
    assert expected == set(found)
    assert all(roots == {1} for roots in found.values())


def test_every_act_is_told_in_a_sentence() -> None:
    for kind in Kind:
        act = Act(
            kind=kind,
            cause=Cause.LOCAL_RENAME,
            file_id=1,
            root="/data/",
            path="a/b.csv",
            reason="because",
            since_at=1.0,
            sample_id=9,
            to="new",
            was="old",
        )
        told = sentence(act)
        assert told.endswith(": because")
        assert ("9" in told) == (kind not in {*REMOVALS, Kind.TOMBSTONE})
        assert "/data/a/b.csv" in told


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
helds = st.lists(st.builds(Held, listed, is_shared=st.booleans(), is_listed=st.booleans()), max_size=3).map(
    lambda found: tuple({held.sample.id: held for held in found}.values())
)
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
    for act in propose(file, policy, now=NOW):
        after = applied(after, act)
    assert [] == propose(after, policy, now=NOW)


def applied(file: FileSide, act: Act) -> FileSide:
    """The file once the act was done, as the index then has it."""
    if act.kind in REMOVALS:
        return replace(file, is_removed=True, absent_at=NOW)
    if act.kind is Kind.DELETE_SAMPLE:
        return replace(
            file,
            samples=tuple(held for held in file.samples if held.sample.id != act.sample_id),
            older=tuple(held for held in file.older if held.sample.id != act.sample_id),
        )
    column = {Kind.RENAME_SAMPLE: "filename", Kind.RELABEL_SAMPLE: "label", Kind.MOVE_SAMPLE: "category"}[act.kind]
    return replace(file, samples=tuple(edited(file.samples, act, column)))


def edited(samples: tuple[Held, ...], act: Act, column: str) -> Iterator[Held]:
    for held in samples:
        is_meant = held.sample.id == act.sample_id
        yield replace(held, sample=replace(held.sample, **{column: act.to})) if is_meant else held


@given(sides, policies)
def test_nothing_is_deleted_that_was_not_confirmed(file: FileSide, policy: Policy) -> None:
    ours = {held.sample.id: held for held in (*file.older, *file.samples)}
    for act in propose(file, policy, now=NOW):
        if act.kind in REMOVALS:
            # The service said that it is deleted there, and what was sent is known by its content.
            assert file.state is State.TOMBSTONE
            assert file.sha256 is not None
            assert not file.samples
            assert policy.on_remote_delete is not OnRemoteDelete.KEEP
        if act.kind is Kind.DELETE_SAMPLE:
            assert act.sample_id in ours
            assert not ours[act.sample_id or 0].is_shared
            assert file.state is State.SYNCED
            assert policy.deletes_samples or policy.replaces_samples
            if file.absent_at is None:
                # The version that took its place is there for certain, and is another one.
                assert any(held.is_listed and held.sample.id != act.sample_id for held in file.samples)
            else:
                assert NOW - file.absent_at >= ABSENT_S


@given(sides, policies)
def test_the_same_act_of_the_same_cause_has_the_same_key(file: FileSide, policy: Policy) -> None:
    acts = propose(file, policy, now=NOW)
    assert [act.key for act in acts] == [act.key for act in propose(file, policy, now=NOW)]
    assert len(acts) == len({act.key for act in acts})


@given(st.text(min_size=1).filter(lambda text: "/" not in text and "\x00" not in text))
def test_a_name_is_what_the_service_stores(name: str) -> None:
    assert name_of(name) == name_of(f"deep/folder/{name}")
