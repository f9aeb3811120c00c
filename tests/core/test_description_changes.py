"""How a description differs from what was sent and from what a sample has."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eisync.core.labels.changes import (
    MergedMetadata,
    counted,
    followed,
    is_alike,
    is_same_part,
    merge_metadata,
    part_of,
    part_text,
)
from eisync.core.labels.description import Description
from eisync.core.labels.parts import PartKind, packed
from eisync.core.model import Category

BOXES, STRUCTURED, LABEL_MAP = PartKind.BOXES, PartKind.STRUCTURED, PartKind.LABEL_MAP
BOX = {"label": "cat", "x": 1, "y": 2, "width": 3, "height": 4}
SENT = Description(
    label="a",
    category=Category.TRAINING,
    metadata={"site": "1", "kept": "x"},
    companions=packed({BOXES: [BOX], LABEL_MAP: {"k": "v"}}),
)
NOW = Description(
    label="b",
    category=Category.TESTING,
    metadata={"site": "2", "new": "y"},
    companions=packed({STRUCTURED: [{"startIndex": 0, "endIndex": 1, "label": "r"}]}),
    remarks={"name": "why"},
)


def ranges(*found: tuple[Any, ...]) -> list[dict[str, Any]]:
    names = ("startIndex", "endIndex", "label", "labelMap")
    return [dict(zip(names, one, strict=False)) for one in found]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (set(), {}),
        ({"label"}, {"label": "b"}),
        ({"category"}, {"category": Category.TESTING}),
        ({"metadata site"}, {"metadata": {"site": "2", "kept": "x"}}),
        ({"metadata new"}, {"metadata": {"site": "1", "kept": "x", "new": "y"}}),
        ({"metadata gone"}, {}),
        ({"boxes"}, {"companions": packed({LABEL_MAP: {"k": "v"}})}),
        (
            {"structured"},
            {"companions": packed({BOXES: [BOX], LABEL_MAP: {"k": "v"}, STRUCTURED: ranges((0, 1, "r"))})},
        ),
    ],
)
def test_only_what_sidecars_say_is_followed(said: set[str], expected: dict[str, Any]) -> None:
    after = followed(SENT, replace(NOW, said=frozenset(said)))
    assert replace(SENT, remarks={"name": "why"}, **expected) == after
    assert is_alike(SENT, after) == (not expected)
    assert after == followed(after, replace(NOW, said=frozenset(said)))


@pytest.mark.parametrize(
    "change", [{"label": None}, {"category": Category.SPLIT}, {"metadata": {}}, {"companions": None}]
)
def test_any_part_that_a_sample_has_counts(change: dict[str, Any]) -> None:
    assert not is_alike(SENT, replace(SENT, **change))
    assert is_alike(SENT, replace(SENT, name="other", remarks={"name": "x"}, said=frozenset({"label"})))


@pytest.mark.parametrize(
    ("sent", "wanted", "listed", "merged", "disputed"),
    [
        ({}, {}, {"by": "hand"}, {"by": "hand"}, ()),
        ({"a": "1"}, {"a": "2"}, {"a": "1"}, {"a": "2"}, ()),
        ({"a": "1"}, {"a": "2"}, {"a": "2", "by": "hand"}, {"a": "2", "by": "hand"}, ()),
        ({"a": "1"}, {"a": "2"}, {"a": "3"}, {"a": "2"}, ("a",)),
        ({"a": "1"}, {"a": "2"}, {}, {"a": "2"}, ("a",)),
        ({"a": "1"}, {}, {"a": "1"}, {}, ()),
        ({"a": "1"}, {}, {"a": "3"}, {}, ("a",)),
        ({}, {"a": "1"}, {"b": "2"}, {"a": "1", "b": "2"}, ()),
        ({"a": "1"}, {"a": "1"}, {"a": "by hand"}, {"a": "by hand"}, ()),
    ],
)
def test_metadata_is_merged_by_name(
    sent: dict[str, str],
    wanted: dict[str, str],
    listed: dict[str, str],
    merged: dict[str, str],
    disputed: tuple[str, ...],
) -> None:
    assert MergedMetadata(merged, disputed) == merge_metadata(sent, wanted, listed)


@pytest.mark.parametrize(
    ("kind", "found", "text"),
    [
        (BOXES, None, "[]"),
        (BOXES, [{**BOX, "x": 1.0, "id": 5}], '[{"label":"cat","x":1,"y":2,"width":3,"height":4}]'),
        (BOXES, [{"label": "b", "x": 1.5}, {"label": "a"}], '[{"label":"a"},{"label":"b","x":1.5}]'),
        (BOXES, [{"label": "e\u0301"}], '[{"label":"é"}]'),
        (LABEL_MAP, None, "{}"),
        (LABEL_MAP, {"b": "2", "a": "1"}, '{"a":"1","b":"2"}'),
        (STRUCTURED, (), "[]"),
        (
            STRUCTURED,
            ranges((2, 3, "a"), (0, 1, "a"), (4, 5, "b"), (6, 7, "b", {"k": "v"}), (9, 9, "b", {"k": "v"})),
            '[{"endIndex":3,"label":"a","startIndex":0},{"endIndex":5,"label":"b","startIndex":4},'
            '{"endIndex":7,"label":"b","labelMap":{"k":"v"},"startIndex":6},'
            '{"endIndex":9,"label":"b","labelMap":{"k":"v"},"startIndex":9}]',
        ),
        (STRUCTURED, ranges((0, 1, "a", None)), '[{"endIndex":1,"label":"a","startIndex":0}]'),
        (STRUCTURED, [{"label": "x"}, {"label": "x"}], '[{"label":"x"},{"label":"x"}]'),
    ],
)
def test_the_text_of_a_part(kind: PartKind, found: Any, text: str) -> None:
    assert text == part_text(kind, found)
    assert text == part_text(kind, json.loads(text)), "a text stands for itself"
    assert text == part_of(packed({kind: found}), kind)


@pytest.mark.parametrize(
    ("kind", "one", "other", "is_same"),
    [
        (BOXES, [BOX], [{**BOX, "x": 1.3}], True),
        (BOXES, [BOX], [{**BOX, "x": 2}], False),
        (BOXES, [BOX], [], False),
        (BOXES, [BOX], [{**BOX, "label": "dog"}], False),
        (STRUCTURED, ranges((0, 3, "a")), ranges((0, 1, "a"), (2, 3, "a")), True),
        (STRUCTURED, ranges((0, 3, "a")), ranges((0, 3, "b")), False),
        (LABEL_MAP, {"k": "v"}, {"k": "w"}, False),
    ],
)
def test_what_counts_as_the_same(kind: PartKind, one: Any, other: Any, is_same: bool) -> None:
    assert is_same == is_same_part(kind, part_text(kind, one), part_text(kind, other))


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        (BOXES, None, "no boxes"),
        (BOXES, "[1]", "1 box"),
        (STRUCTURED, "[1,2]", "2 ranges"),
        (LABEL_MAP, '{"a":"b"}', "1 label"),
        (PartKind.ATTACHMENTS, "[]", "no attachments"),
    ],
)
def test_parts_are_counted(kind: PartKind, text: str | None, words: str) -> None:
    assert words == counted(kind, text)


texts = st.dictionaries(st.sampled_from("abc"), st.sampled_from("123"))


@given(texts, texts, texts)
def test_a_merge_gives_what_is_wanted_and_keeps_what_is_not_ours(
    sent: dict[str, str], wanted: dict[str, str], listed: dict[str, str]
) -> None:
    merged = merge_metadata(sent, wanted, listed)
    for name in "abc":
        is_changed = sent.get(name) != wanted.get(name)
        assert merged.metadata.get(name) == (wanted if is_changed else listed).get(name)
    assert merged.metadata == merge_metadata(sent, wanted, merged.metadata).metadata
    assert () == merge_metadata(sent, wanted, sent).disputed


@given(st.lists(st.fixed_dictionaries({"label": st.text(), "x": st.integers(0, 9)}), max_size=5), st.randoms())
def test_the_order_of_boxes_does_not_matter(boxes: list[dict[str, Any]], random: Any) -> None:
    shuffled = list(boxes)
    random.shuffle(shuffled)
    assert part_text(BOXES, boxes) == part_text(BOXES, shuffled)
