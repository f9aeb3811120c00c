from typing import Any

import pytest

from eisync.core.labels.description import MAX_LABEL_BYTES, Description, describe, given_name, with_canonical_labels
from eisync.core.labels.entry import Entry, packed
from eisync.core.labels.entry import unpacked as entry_of
from eisync.core.labels.parts import PartKind, unpacked
from eisync.core.labels.path_rules import NONE, PathRules
from eisync.core.labels.rules import LabelRules
from eisync.core.labels.sidecars import sidecars_for
from eisync.core.model import Category

BOX = {"label": "nut", "x": 1, "y": 2, "width": 3, "height": 4}
RANGE = {"startIndex": 0, "endIndex": 2, "label": "a"}
PATH = "testing/wave.1.csv"


def described(*entries: Entry, by: PathRules | None = None, **metadata: str) -> Description:
    return describe(PATH, LabelRules(by or PathRules()), metadata, entries)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, ("wave", Category.TESTING, {})),
        ({"label": "x"}, ("x", Category.TESTING, {})),
        ({"label": ""}, ("wave", Category.TESTING, {})),
        ({"is_unlabeled": True}, (None, Category.TESTING, {})),
        ({"category": "validation"}, ("wave", Category.VALIDATION, {})),
        ({"metadata": {"a": "b", "n": 7, "t": True}}, ("wave", Category.TESTING, {"a": "b", "n": "7", "t": "true"})),
    ],
)
def test_an_entry_wins_over_the_path(entry: dict[str, Any], expected: object) -> None:
    found = described(Entry(path=PATH, **entry))
    assert expected == (found.label, found.category, found.metadata)
    assert found.companions is None


def test_an_entry_wins_over_the_configuration_and_adds_to_its_metadata() -> None:
    entry = Entry(path=PATH, label="x", category="training", metadata={"site": "lab"})
    found = described(entry, by=PathRules("y", Category.TESTING), site="home", who="me")
    assert ("x", Category.TRAINING, {"site": "lab", "who": "me"}) == (found.label, found.category, found.metadata)


def test_a_sidecar_beside_the_file_wins_over_info_labels() -> None:
    account = Entry(path=PATH, label="x", bounding_boxes=[{**BOX, "x": 9}], structured_labels=[RANGE])
    beside = Entry(path="wave.1.csv", bounding_boxes=[BOX])
    found = described(account, beside)
    assert "x" == found.label
    assert {PartKind.BOXES: [BOX], PartKind.STRUCTURED: [RANGE]} == unpacked(found.companions)


def test_a_label_map_is_sent_with_the_file() -> None:
    assert {PartKind.LABEL_MAP: {"k": "v"}} == unpacked(described(Entry(path=PATH, label_map={"k": "v"})).companions)


def test_an_empty_list_of_boxes_beside_the_file_removes_them() -> None:
    found = described(Entry(path=PATH, bounding_boxes=[BOX]), Entry(path=PATH, bounding_boxes=[]))
    assert found.companions is None


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"category": "trainning"}, "category 'trainning', and there are training, testing"),
        ({"category": 7}, "category 7"),
        ({"metadata": ["a"]}, "its metadata is not an object"),
        ({"label": "\ud800"}, "its label contains half a character"),
        ({"metadata": {"a": "\ud800"}}, "its metadata contains half a character"),
        ({"bounding_boxes": {"x": 1}}, "boundingBoxes that are no list of objects"),
        ({"structured_labels": [1]}, "structuredLabels that are no list of objects"),
        ({"problem": "it is odd"}, "it is odd"),
        ({"label": "x" * 16_385}, "its label has more than 16,384 bytes"),
        ({"label": "\N{BOMB}" * 1_366}, "its label has more than 16,384 bytes"),
        ({"metadata": {str(number): "x" for number in range(501)}}, "more than 500 metadata"),
        ({"metadata": {"a": "x" * 65_536}}, "its metadata has more than 65,536 bytes"),
    ],
)
def test_values_that_cannot_be_sent_are_refused_with_a_reason(entry: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        described(Entry(path=PATH, **entry))


@pytest.mark.parametrize(
    "entry",
    [
        Entry(path="a"),
        Entry(path="ü/a b.png", label="0", is_unlabeled=True, bounding_boxes=[], structured_labels=[RANGE]),
        Entry(path="a", label_map={"k": "v"}, metadata={"n": 1}, category="testing", problem="odd"),
    ],
)
def test_a_packed_entry_is_unpacked_unchanged(entry: Entry) -> None:
    assert entry == entry_of(packed(entry))


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([], {}),
        (["info.labels"], {"info.labels": "a/b/c.png"}),
        (["info.labels", "a/info.labels", "a/b/d/info.labels"], {"a/info.labels": "b/c.png"}),
        (["bounding_boxes.labels"], {}),
        (
            ["a/b/bounding_boxes.labels", "a/b/structured_labels.labels", "info.labels"],
            {
                "info.labels": "a/b/c.png",
                "a/b/structured_labels.labels": "c.png",
                "a/b/bounding_boxes.labels": "c.png",
            },
        ),
    ],
)
def test_the_nearest_info_labels_and_the_sidecars_beside_the_file_count(
    there: list[str], expected: dict[str, str]
) -> None:
    assert list(expected.items()) == list(sidecars_for("a/b/c.png", there).items())


COMPOSED, APART = "t\u00fcr", "tu\u0308r"


@pytest.mark.parametrize(
    "found",
    [
        describe(f"{APART}.1.csv", LabelRules(), {}, ()),
        describe("a.csv", LabelRules(PathRules(label=APART)), {}, ()),
        described(Entry(path=PATH, label=APART)),
    ],
    ids=["the file's name", "the configuration", "a sidecar"],
)
def test_a_label_from_any_source_is_in_nfc(found: Description) -> None:
    assert COMPOSED == found.label


def test_labels_of_boxes_ranges_and_maps_are_in_nfc() -> None:
    entry = Entry(
        path=PATH,
        bounding_boxes=[{**BOX, "label": APART}, {"x": 1}],
        structured_labels=[{**RANGE, "label": APART}],
        label_map={APART: APART, "n": 7},  # type: ignore[dict-item]
    )
    assert {
        PartKind.BOXES: [{**BOX, "label": COMPOSED}, {"x": 1}],
        PartKind.STRUCTURED: [{**RANGE, "label": COMPOSED}],
        PartKind.LABEL_MAP: {COMPOSED: COMPOSED, "n": 7},
    } == unpacked(described(entry).companions)


def test_the_limit_of_a_label_counts_the_bytes_that_are_sent() -> None:
    longest = MAX_LABEL_BYTES // 12
    assert "\u00fc" * longest == described(Entry(path=PATH, label="u\u0308" * longest)).label
    with pytest.raises(ValueError, match="its label has more than"):
        described(Entry(path=PATH, label="u\u0308" * (longest + 1)))


@pytest.mark.parametrize(
    ("path", "labelling", "more", "label"),
    [
        ("a/x9.1.json", PathRules(), {}, "idle"),
        ("a/x9.1.json", PathRules(), {"label": "wave"}, "wave"),
        ("a/x9.1.json", PathRules(), {"is_unlabeled": True}, None),
        ("cat/001.json", PathRules(), {}, "cat"),
        ("a/x9.1.json", PathRules(label="fixed"), {}, "fixed"),
        ("a/x9.1.json", PathRules(label=NONE), {}, None),
    ],
)
def test_a_label_is_inferred_from_the_name_that_is_sent(
    path: str, labelling: PathRules, more: dict[str, Any], label: str | None
) -> None:
    assert label == describe(path, LabelRules(labelling), {}, [Entry(path=path, name="idle.7", **more)]).label


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("training/idle.1.csv.4ooensbh.pod.s1.json", "idle.1.s1", ("idle.1.s1.json", None)),
        ("idle.1.JSON", "idle.1", (None, None)),  # it already has this name
        ("long.JPG", "a", ("a.JPG", None)),
        ("photo.jpg", "photo.jpg", ("photo.jpg.jpg", None)),  # Studio shows `photo.jpg`
        (".hidden", "a", ("a", None)),
        ("a.csv", "day/a", ("day_a.csv", "the name given for it cannot be sent; its sample is named 'day_a.csv'")),
        ("a.csv", "b\nc\\", ("b_c_.csv", "the name given for it cannot be sent; its sample is named 'b_c_.csv'")),
        (
            "a.csv",
            "\u00fc" * 511,
            (None, "the name given for it has more than 1,024 bytes; its sample keeps the name of the file"),
        ),
        ("a.csv", "\u00fc" * 510, ("\u00fc" * 510 + ".csv", None)),
    ],
)
def test_the_sent_name_is_the_given_name_plus_the_extension_of_the_file(
    path: str, name: str, expected: tuple[str | None, str | None]
) -> None:
    assert expected == given_name(path, name)
    found = describe(path, LabelRules(), {}, [Entry(path=path, name=name)])
    assert expected == (found.name, found.remarks.get("name"))


def test_information_that_is_not_sent_becomes_a_remark() -> None:
    found = describe(PATH, LabelRules(), {}, [Entry(path=PATH, attachments=2)], ["one sidecar", "another"])
    assert {
        "not_mentioned": "one sidecar; another",
        "attachments": "a sidecar lists 2 attachments for it; eisync does not send attachments: add them in Studio",
    } == found.remarks
    assert {} == described(Entry(path=PATH, name="wave.1")).remarks


@pytest.mark.parametrize(
    ("found", "weight"),
    [
        ({}, 0),
        ({"label": "wave"}, 4),
        ({"label": "日記"}, 24),  # a character needs an escape of six bytes, or two of them
        ({"label": "wave", "name": "a.csv", "companions": "[1]"}, 12),
        ({"label": "wave", "metadata": {"site": "lab", "by": "日"}}, 4 + 4 + 3 + 2 + 12),
    ],
)
def test_the_weight_of_a_description_counts_escapes(found: dict[str, Any], weight: int) -> None:
    assert weight == Description(**{"label": None, "category": Category.SPLIT, **found}).weight


@pytest.mark.parametrize("kind", PartKind)
@pytest.mark.parametrize("found", [None, "nut", 7])
def test_a_value_of_the_wrong_type_is_left_unchanged(kind: PartKind, found: object) -> None:
    assert found is with_canonical_labels(kind, found)


@pytest.mark.parametrize(
    ("kind", "found", "expected"),
    [
        (PartKind.BOXES, [{"label": "tu\u0308r", "x": 1}, {"x": 2}, 7], [{"label": "t\u00fcr", "x": 1}, {"x": 2}, 7]),
        (PartKind.LABEL_MAP, {"u\u0308": "tu\u0308r"}, {"\u00fc": "t\u00fcr"}),
        (PartKind.LABEL_MAP, [1], [1]),
    ],
)
def test_labels_of_companions_are_sent_in_nfc(kind: PartKind, found: object, expected: object) -> None:
    assert expected == with_canonical_labels(kind, found)
