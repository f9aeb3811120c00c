"""Which edits follow when a sent file is described in another way: every kind, and what a person edited stays."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.actions import (
    Action,
    ActionKind,
    Cause,
    FileSide,
    LinkedSample,
    Published,
    WantedDescription,
)
from eisync.core.description_edits import is_followed, metadata_text, propose_edits
from eisync.core.identity import Identity, Sent
from eisync.core.labels.changes import part_text
from eisync.core.labels.description import Description
from eisync.core.labels.parts import PartKind, packed
from eisync.core.lifecycle import State
from eisync.core.model import Category, FileFacts, RemoteSample

BOX = {"label": "cat", "x": 1, "y": 2, "width": 3, "height": 4}
MOVED = {**BOX, "x": 9}
RANGE = {"startIndex": 0, "endIndex": 3, "label": "a"}
OTHER = {**RANGE, "label": "b"}
LABEL, MOVE, METADATA = ActionKind.RELABEL_SAMPLE, ActionKind.MOVE_SAMPLE, ActionKind.EDIT_METADATA
BOXES, STRUCTURED, LABEL_MAP = ActionKind.EDIT_BOXES, ActionKind.EDIT_STRUCTURED, ActionKind.EDIT_LABEL_MAP
AS_SENT: dict[str, Any] = {
    "label": "wave",
    "category": Category.TRAINING,
    "metadata": {"site": "1"},
    "companions": packed({PartKind.BOXES: [BOX], PartKind.STRUCTURED: [RANGE], PartKind.LABEL_MAP: {"k": "v"}}),
}


def parts(**found: Any) -> dict[str, Any]:
    kept: dict[PartKind, Any] = {
        PartKind.BOXES: [BOX],
        PartKind.STRUCTURED: [RANGE],
        PartKind.LABEL_MAP: {"k": "v"},
    }
    return {"companions": packed(kept | {PartKind[name]: one for name, one in found.items()})}


def linked(**more: Any) -> LinkedSample:
    sample = RemoteSample(
        id=1,
        filename="wave.1",
        category=more.pop("category", "training"),
        label=more.pop("label", "wave"),
        metadata=tuple(sorted(more.pop("metadata", {"site": "1"}).items())),
    )
    return LinkedSample(sample, Sent(sha256=None), **more)


def side(wanted: dict[str, Any] | None, *samples: LinkedSample, **more: Any) -> FileSide:
    """A file that was sent as `AS_SENT`, and should be described with `wanted` as well."""
    declined, is_asked = more.pop("declined", frozenset()), more.pop("is_asked", False)
    description = Description(**{**AS_SENT, **(wanted or {})})
    fields: dict[str, Any] = {
        **AS_SENT,
        "id": 7,
        "root_id": 1,
        "root": "/data",
        "path": "wave.1.csv",
        "state": State.SYNCED,
        "facts": FileFacts(4, 5, 6),
        "samples": samples or (linked(),),
        "wanted": None
        if wanted is None
        else WantedDescription(description=description, at=50.0, is_asked=is_asked, declined=declined),
        **more,
    }
    return FileSide(**fields)


def text(kind: PartKind, found: Any) -> str:
    return part_text(kind, found)


EDITS: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[ActionKind, str, str, bool]]]] = {
    # what is wanted, what the sample has instead of what was sent, the edits: kind, was, to, is_disputed
    "nothing": ({}, {}, []),
    "nothing, and a person edited": ({}, {"label": "x", "category": "testing", "metadata": {}}, []),
    "label": ({"label": "idle"}, {}, [(LABEL, "wave", "idle", False)]),
    "no label": ({"label": None}, {}, [(LABEL, "wave", "", False)]),
    "label, done already": ({"label": "idle"}, {"label": "idle"}, []),
    "label, edited": ({"label": "idle"}, {"label": "x"}, [(LABEL, "x", "idle", True)]),
    "label, removed by a person": ({"label": "idle"}, {"label": None}, [(LABEL, "", "idle", True)]),
    "label in another form": ({"label": "wave"}, {"label": "x"}, []),
    "category": ({"category": Category.TESTING}, {}, [(MOVE, "training", "testing", False)]),
    "category, done already": ({"category": Category.TESTING}, {"category": "testing"}, []),
    "category, moved": (
        {"category": Category.TESTING},
        {"category": "validation"},
        [(MOVE, "validation", "testing", True)],
    ),
    "category that the service decides": ({"category": Category.SPLIT}, {}, []),
    "metadata": (
        {"metadata": {"site": "2"}},
        {"metadata": {"site": "1", "by": "hand"}},
        [(METADATA, '{"by": "hand", "site": "1"}', '{"by": "hand", "site": "2"}', False)],
    ),
    "metadata, done already": ({"metadata": {"site": "2"}}, {"metadata": {"site": "2"}}, []),
    "metadata, edited": (
        {"metadata": {"site": "2"}},
        {"metadata": {"site": "3"}},
        [(METADATA, '{"site": "3"}', '{"site": "2"}', True)],
    ),
    "metadata, none": ({"metadata": {}}, {}, [(METADATA, '{"site": "1"}', "{}", False)]),
    "boxes": (
        parts(BOXES=[MOVED]),
        {},
        [(BOXES, text(PartKind.BOXES, [BOX]), text(PartKind.BOXES, [MOVED]), False)],
    ),
    "no boxes": (parts(BOXES=[]), {}, [(BOXES, text(PartKind.BOXES, [BOX]), "[]", False)]),
    "boxes, done already": (parts(BOXES=[MOVED]), {"found": {BOXES: text(PartKind.BOXES, [MOVED])}}, []),
    "boxes, edited": (
        parts(BOXES=[MOVED]),
        {"found": {BOXES: "[]"}},
        [(BOXES, "[]", text(PartKind.BOXES, [MOVED]), True)],
    ),
    "ranges": (
        parts(STRUCTURED=[OTHER]),
        {},
        [(STRUCTURED, text(PartKind.STRUCTURED, [RANGE]), text(PartKind.STRUCTURED, [OTHER]), False)],
    ),
    "no ranges, which Studio cannot take away": (parts(STRUCTURED=[]), {}, []),
    "label map": (parts(LABEL_MAP={"k": "w"}), {}, [(LABEL_MAP, '{"k":"v"}', '{"k":"w"}', False)]),
}


@pytest.mark.parametrize(("wanted", "there", "edits"), EDITS.values(), ids=EDITS.keys())
def test_the_edits_of_a_sample(
    wanted: dict[str, Any], there: dict[str, Any], edits: list[tuple[ActionKind, str, str, bool]]
) -> None:
    file = side(wanted, linked(**there))
    found = propose_edits(file)
    assert edits == [(one.action.kind, one.action.was, one.action.to, one.is_disputed) for one in found]
    assert is_followed(file) == (not edits)
    for one in found:
        assert (Cause.DESCRIPTION_CHANGE, 7, 1, 50.0) == (
            one.action.cause,
            one.action.file_id,
            one.action.sample_id,
            one.action.since_at,
        )
        assert one.action.reason.startswith("the description of its file changed")
        assert one.is_disputed == ("a person may have" in one.action.reason)


@pytest.mark.parametrize(
    ("more", "number", "is_through"),
    [
        ({}, 1, False),
        ({"is_asked": True}, 1, False),
        ({"declined": frozenset({LABEL})}, 0, True),
        ({"declined": frozenset({MOVE})}, 1, False),
        ({"state": State.TOMBSTONE}, 0, False),
        ({"published": Published(name="a", label="b", category=Category.TRAINING)}, 0, False),
        ({"absent_at": 5.0}, 0, False),
        ({"absent_at": 5.0, "is_removed": True}, 1, False),
        ({"samples": ()}, 0, True),
        ({"samples": (linked(is_shared=True),)}, 0, True),
        ({"samples": (linked(identity=Identity.UNLISTED),)}, 0, False),
        ({"samples": (linked(identity=Identity.FOREIGN),)}, 0, True),
        ({"samples": (linked(), linked(label="other"))}, 2, False),
    ],
)
def test_when_samples_are_edited(more: dict[str, Any], number: int, is_through: bool) -> None:
    file = side({"label": "idle"}, **more)
    found = propose_edits(file)
    assert (number, is_through) == (len(found), is_followed(file))
    assert all(("relabel" in one.action.reason) == bool(more.get("is_asked")) for one in found)


def test_a_file_without_a_wanted_description_has_no_edits() -> None:
    assert ([], False) == (propose_edits(side(None)), is_followed(side(None)))


def test_a_category_that_the_service_chose_is_not_a_persons() -> None:
    file = side({"category": Category.VALIDATION}, linked(category="testing"), category=Category.SPLIT)
    assert [("testing", "validation", False)] == [
        (one.action.was, one.action.to, one.is_disputed) for one in propose_edits(file)
    ]


def test_labels_in_another_unicode_form_are_equal() -> None:
    file = side({"label": "caf\u00e9"}, linked(label="cafe\u0301"), label="cafe\u0301")
    assert [] == propose_edits(file)


def test_a_large_value_is_in_the_key_by_its_hash() -> None:
    many = parts(BOXES=[{**BOX, "x": number} for number in range(1000)])
    [one] = propose_edits(side(many))
    assert len(one.action.key) < 200 < len(one.action.to or "")
    other = replace(one.action, to=f"{one.action.to} ")
    assert isinstance(other, Action)
    assert other.key != one.action.key


descriptions = st.fixed_dictionaries(
    {
        "label": st.sampled_from([None, "wave", "idle"]),
        "category": st.sampled_from(list(Category)),
        "metadata": st.dictionaries(st.sampled_from("ab"), st.sampled_from("12")),
        "companions": st.sampled_from(
            [None, parts()["companions"], parts(BOXES=[MOVED], STRUCTURED=[OTHER])["companions"]]
        ),
    }
)


@given(descriptions, descriptions, descriptions)
def test_after_its_edits_nothing_is_proposed(
    sent: dict[str, Any], wanted: dict[str, Any], there: dict[str, Any]
) -> None:
    """Carry out every edit on the sample. Then the same file proposes nothing, and nothing else was edited."""
    held = linked(label=there["label"], category=there["category"].value, metadata=there["metadata"])
    description = WantedDescription(description=Description(**wanted), at=1.0)
    file = replace(side({}, held), **sent, wanted=description)
    found = {one.action.kind: one.action.to or "" for one in propose_edits(file)}
    unchanged = {LABEL: "label", MOVE: "category", METADATA: "metadata"}
    assert all(sent[name] != wanted[name] for kind, name in unchanged.items() if kind in found)
    after = replace(
        held.sample,
        label=found.get(LABEL, held.sample.label),
        category=found.get(MOVE, held.sample.category),
        metadata=tuple(sorted(json.loads(found[METADATA]).items())) if METADATA in found else held.sample.metadata,
    )
    edited = {kind: to for kind, to in found.items() if kind in (BOXES, STRUCTURED, LABEL_MAP)}
    assert [] == propose_edits(replace(file, samples=(replace(held, sample=after, found=edited),)))


def test_metadata_has_one_text() -> None:
    assert '{"a": "1", "b": "2"}' == metadata_text({"b": "2", "a": "1"})
